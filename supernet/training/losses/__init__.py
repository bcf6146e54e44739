"""Ranking losses: a function each, in the table LOSSES, and the step that gives them a batch."""

from supernet.training.losses.base import LOSSES, SHARED, SOLE, Scored
from supernet.training.losses.contrast import Noise, contrast_loss
from supernet.training.losses.directau import alignment_and_uniformity_loss
from supernet.training.losses.negatives import SAMPLINGS, draw_negatives, hardest
from supernet.training.losses.pairwise import bce_loss, bpr_loss, cosine_contrastive_loss
from supernet.training.losses.reads import READ_WITH, lacking
from supernet.training.losses.softmax import bilateral_softmax_loss, softmax_loss
from supernet.training.losses.step import batch_loss, correction, localise, step_loss

__all__ = [
    "LOSSES",
    "READ_WITH",
    "SAMPLINGS",
    "SHARED",
    "SOLE",
    "Noise",
    "Scored",
    "alignment_and_uniformity_loss",
    "batch_loss",
    "bce_loss",
    "bilateral_softmax_loss",
    "bpr_loss",
    "contrast_loss",
    "correction",
    "cosine_contrastive_loss",
    "draw_negatives",
    "hardest",
    "lacking",
    "localise",
    "softmax_loss",
    "step_loss",
]
