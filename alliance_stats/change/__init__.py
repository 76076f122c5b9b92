"""Reliable and clinically significant change, sudden gains, and change by therapist."""

from .gains import sudden_gains as sudden_gains
from .reliable import reliable_change as reliable_change
from .sensitivity import change_sensitivity as change_sensitivity
from .significant import ClinicallySignificantChange as ClinicallySignificantChange
from .significant import clinically_significant_change as clinically_significant_change
from .therapists import ChangeByTherapist as ChangeByTherapist
from .therapists import change_by_therapist as change_by_therapist
