"""Before the data: how many therapists, clients and sessions a question needs."""

from .design import StudyDesign as StudyDesign
from .result import StudyPower as StudyPower
from .result import StudyPrecision as StudyPrecision
