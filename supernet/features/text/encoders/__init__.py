"""Encoders: texts → vectors. A file each, and the table of them."""

from supernet.features.text.encoders.base import ENCODERS, Encoder, encoder_of
from supernet.features.text.encoders.endpoint import Endpoint
from supernet.features.text.encoders.tfidf import TfIdf
from supernet.features.text.encoders.transformer import MiniLM, Transformer

__all__ = ["ENCODERS", "Encoder", "Endpoint", "MiniLM", "TfIdf", "Transformer", "encoder_of"]
