"""A published table, recomputed from data: does each printed number come out again?"""

from .comparing import compare_published as compare_published
from .published import PublishedTable as PublishedTable
from .published import read_published_table as read_published_table
from .result import Replication as Replication

__all__ = ["PublishedTable", "Replication", "compare_published", "read_published_table"]
