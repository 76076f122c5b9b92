"""Fitting data that lie in partitions: larger than memory, or spread over machines.

`core/partitions` says where partitions are (a folder of Parquet files, a Dask DataFrame) and runs
work on each; `sums` is that work: the cross-products of each lowest unit, and how those of several
partitions are joined; `pool` keeps columns as combinations of which only cross-products are
known; `design` makes of them what the engine fits; `absent` stands where the rows would be.
"""
