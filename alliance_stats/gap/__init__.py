"""The rating gap, always therapist minus client.

Read in this order: `pairs` (both ratings side by side), then a folder a question: `description`
(what the gap is, by unit, of parallel forms, a page for one therapist), `truth_bias`, `surface`
(with the verdict on congruence), `dyads` (actor and partner, who leads) and `outcome` (forecasts).
`linear` is the door to the multilevel engine; what is said in words stands in `wording.yaml`.
"""

from .description.by_unit import gap_by_scale, gap_by_therapist
from .description.feedback import GapFeedback, gap_feedback
from .description.parallel_forms import ParallelForms, check_parallel_forms
from .description.plots import plot_bland_altman, plot_gap_by_therapist
from .description.rating_gap import RatingGap, rating_gap
from .dyads.actor_partner import ActorPartner, fit_actor_partner
from .dyads.cross_lagged import LeadLag, who_leads
from .dyads.one_with_many import OneWithMany, one_with_many
from .outcome.outcome_gap import OutcomeGap, outcome_gap
from .surface.bootstrap import SurfaceBootstrap
from .surface.congruence import Congruence
from .surface.fit import fit_response_surface
from .surface.result import ResponseSurface
from .truth_bias.fit import TruthAndBias, fit_truth_and_bias

__all__ = [
    "ActorPartner",
    "Congruence",
    "GapFeedback",
    "LeadLag",
    "OneWithMany",
    "OutcomeGap",
    "ParallelForms",
    "RatingGap",
    "ResponseSurface",
    "SurfaceBootstrap",
    "TruthAndBias",
    "check_parallel_forms",
    "fit_actor_partner",
    "fit_response_surface",
    "fit_truth_and_bias",
    "gap_by_scale",
    "gap_by_therapist",
    "gap_feedback",
    "one_with_many",
    "outcome_gap",
    "plot_bland_altman",
    "plot_gap_by_therapist",
    "rating_gap",
    "who_leads",
]
