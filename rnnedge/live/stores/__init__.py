"""Where named streams stand whose client is away, and who has them open: in memory, in a file, in Redis."""

from rnnedge.live.stores.opening import file_of, is_redis, open_store
from rnnedge.live.stores.store import Kept, NothingKept, Store, in_use, nothing_kept

__all__ = ["Kept", "NothingKept", "Store", "file_of", "in_use", "is_redis", "nothing_kept", "open_store"]
