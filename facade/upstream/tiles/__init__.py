"""What is kept of an answer by asset and stretch of time, so that asks that overlap share what they have in common."""

from .cuts import Cut, cut_detections, cut_report
from .reading import Ask, Tiles

__all__ = ["Ask", "Cut", "Tiles", "cut_detections", "cut_report"]
