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


def tiny_gpt(where, words):
    """As `tiny_bert`, a GPT-2 of 16 positions whose tokenizer has no padding and pads on the left."""
    transformers = pytest.importorskip("transformers")
    sizes = {"n_embd": 12, "n_layer": 2, "n_head": 2, "n_positions": 16}
    config = transformers.GPT2Config(vocab_size=len(words), **sizes)
    _save(where, transformers.GPT2Model, config, words, eos_token=words[0], padding_side="left")
    return str(where)


def tiny_t5(where, words):
    """As `tiny_bert`, a T5: an encoder and a decoder."""
    transformers = pytest.importorskip("transformers")
    sizes = {"d_model": 12, "d_kv": 6, "d_ff": 16, "num_layers": 2, "num_heads": 2}
    config = transformers.T5Config(vocab_size=len(words), decoder_start_token_id=0, **sizes)
    _save(where, transformers.T5Model, config, words, pad_token=words[0])
    return str(where)


def _save(where, kind, config, words, **settings):
    """Untrained, with a tokenizer that parts words at white space."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    torch.manual_seed(0)
    kind(config).save_pretrained(where)
    own = tokenizers.models.WordLevel({word: k for k, word in enumerate(words)}, unk_token=words[1])
    tokenizer = tokenizers.Tokenizer(own)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **settings).save_pretrained(where)
