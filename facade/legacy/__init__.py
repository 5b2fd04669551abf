"""Translation of the REST API: an operation for each REST call, and the old shape of its answer.

Nothing here serves HTTP or calls the upstream: `web` runs the operations, and the command line prints them.
"""

from .calls import Translation, translated
from .rest_request import RestRequest, Unreadable
from .snippets import snippets
from .translate import translate, translate_one, translations
from .v2 import FIXTURES_ENDED, PREFIX, READS, V2_ENDED, WRITES, GoneRead, V2Operation, V2Read, refused_write

__all__ = [
    "FIXTURES_ENDED",
    "PREFIX",
    "READS",
    "V2_ENDED",
    "WRITES",
    "GoneRead",
    "RestRequest",
    "Translation",
    "Unreadable",
    "V2Operation",
    "V2Read",
    "refused_write",
    "snippets",
    "translate",
    "translate_one",
    "translated",
    "translations",
]
