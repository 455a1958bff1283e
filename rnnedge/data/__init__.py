"""Data of your own: CSV, Parquet, NPZ and folders of WAV files, checked before anything is trained."""

from rnnedge.data._config import DataConfig, SplitConfig
from rnnedge.data._read import OwnData, read_data
from rnnedge.data._schema import ColumnSchema, DataSchema, PartSchema

__all__ = ["ColumnSchema", "DataConfig", "DataSchema", "OwnData", "PartSchema", "SplitConfig", "read_data"]
