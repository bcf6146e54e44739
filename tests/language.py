"""A language model made here: untrained, so small that it takes no time, in a folder as trained ones are."""

import pytest
import torch


def tiny_bert(where, words, layers=2):
    """The folder, as a string, with an untrained BERT of 12 columns and its tokenizer."""
    transformers = pytest.importorskip("transformers")
    (where / "vocab.txt").write_text("\n".join(words) + "\n")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=12,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(where)
    transformers.BertTokenizer(str(where / "vocab.txt")).save_pretrained(where)
    return str(where)
