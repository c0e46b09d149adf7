"""What the memory counts of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mcppd.db.instance import size_of
from mcppd.model.statistics import SECONDS, SIZES, Histogram


@dataclass(slots=True)
class StorageStatistics:
    """Plain numbers, written by the writer's thread and read by anybody."""

    path: Path
    depth: Callable[[], int]
    commits: int = 0
    commit_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    batch_size: Histogram = field(default_factory=lambda: Histogram(SIZES))
    rows: int = 0
    """Rows inserted, changed and deleted."""
    failures: int = 0
    """Batches that could not be committed."""

    @property
    def database_bytes(self) -> int:
        return size_of(self.path)

    @property
    def wal_bytes(self) -> int:
        return size_of(self.path.with_name(self.path.name + "-wal"))

    @property
    def queue_depth(self) -> int:
        """Writes that wait for the next commit."""
        return self.depth()
