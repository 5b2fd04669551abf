"""What replicas share in Redis: entries, locks, invalidations and streams. Needs the extra `redis`."""
