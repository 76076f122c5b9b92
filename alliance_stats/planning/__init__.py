"""Before the data: how many therapists, clients and sessions a question needs."""

from .check import PlanCheck as PlanCheck
from .check import check_plan as check_plan
from .design import StudyDesign as StudyDesign
from .result import StudyPower as StudyPower
from .result import StudyPrecision as StudyPrecision
