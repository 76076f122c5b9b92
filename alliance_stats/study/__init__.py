"""Reading, mapping, validating and holding a study."""

from .codebook import Codebook as Codebook
from .combining import combine_studies as combine_studies
from .mapping import MappingDraft as MappingDraft
from .mapping import suggest_mapping as suggest_mapping
from .opening import open_study as open_study
from .partitioned import score_partitions as score_partitions
from .privacy.identifiers import scan_identifiers as scan_identifiers
from .privacy.pseudonyms import pseudonymise as pseudonymise
from .reading import read_table as read_table
from .study import Study as Study
from .validating.doctor import validate as validate
from .validating.report import ValidationReport as ValidationReport
