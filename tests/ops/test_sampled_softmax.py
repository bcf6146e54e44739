"""The blocked softmax loss equals the plain one, in value, gradient and gradient of the gradient."""

import pytest
import torch

from ops import sampled_softmax as module
from ops.sampled_softmax import Offsets, plain_sampled_softmax, same_cells, sampled_softmax

QUERIES, KEYS, DIM = 17, 23, 5


@pytest.fixture
def case(dtype, device):
    """Unit vectors, and ids of which many are alike."""
    generator = torch.Generator().manual_seed(3)
    vectors = [
        torch.randn(n, DIM, generator=generator, dtype=torch.float64) for n in (QUERIES, QUERIES, KEYS)
    ]
    unit = [torch.nn.functional.normalize(v, dim=1).to(device, dtype).requires_grad_() for v in vectors]
    own = torch.randint(6, (QUERIES,), generator=generator).to(device)
    return unit, own, torch.cat([own, torch.randint(6, (KEYS - QUERIES,), generator=generator).to(device)])


@pytest.fixture(params=[1 << 20, 3 * KEYS, 1], ids=["one block", "blocks", "a row each"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", request.param)


def by_hand(queries, positives, keys, own, ids, temperature, item_offset=None, decoupled=False):
    """One ordinary softmax a query, in a Python loop; decoupled, the positive is not in its denominator."""
    offset = torch.zeros(6, dtype=keys.dtype, device=keys.device) if item_offset is None else item_offset
    losses = []
    for query, positive, item in zip(queries, positives, own, strict=True):
        others = keys[ids != item]
        scores = torch.cat([positive.unsqueeze(0), others]) @ query / temperature
        scores = scores + torch.cat([offset[item].unsqueeze(0), offset[ids[ids != item]]])
        losses.append(scores[1 if decoupled else 0 :].logsumexp(dim=0) - scores[0])
    return torch.stack(losses).mean()


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("bound", [None, 1.0])
@pytest.mark.parametrize("temperature", [0.2, 0.005])
def test_it_is_the_softmax_over_the_keys_that_are_not_the_own(
    case, chunk, bound, temperature, decoupled, assert_same
):
    (queries, positives, keys), own, ids = case
    same = same_cells(own, ids)
    loss = sampled_softmax(queries, positives, keys, same, temperature, bound, decoupled=decoupled)
    expected = by_hand(queries, positives, keys, own, ids, temperature, decoupled=decoupled)
    factor = 1 if temperature > 0.1 else 100  # gradients of a hundred times the size
    assert_same(loss / factor, expected / factor, [queries, positives, keys])


@pytest.mark.parametrize("bound", [None, 1.0])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("size", [1.0, 300.0], ids=["small", "large"])
def test_the_offset_of_an_item_counts_wherever_it_stands(case, chunk, bound, size, decoupled, assert_same):
    (queries, positives, keys), own, ids = case
    offset = size * torch.linspace(-1, 1, 6).to(keys)
    offsets = Offsets(offset[own], offset[ids])
    loss = sampled_softmax(queries, positives, keys, same_cells(own, ids), 0.3, bound, offsets, decoupled)
    expected = by_hand(queries, positives, keys, own, ids, 0.3, offset, decoupled)
    assert_same(loss / size, expected / size, [queries, positives, keys])


def test_large_scores_of_no_known_bound_do_not_overflow(case, chunk, assert_same):
    (queries, positives, keys), own, ids = case
    wide = [v.detach().mul(30.0).requires_grad_() for v in (queries, positives, keys)]
    loss = sampled_softmax(*wide, same_cells(own, ids), 1.0)
    assert_same(loss / 100, by_hand(*wide, own, ids, 1.0) / 100, wide)


@pytest.mark.parametrize("bound", [None, 1.0])
def test_a_query_without_keys_counts_its_positive_alone(case, chunk, bound, assert_same):
    (queries, positives, keys), own, _ = case
    ids = torch.full((KEYS,), int(own[0]), device=own.device)
    rest = own != own[0]
    loss = sampled_softmax(queries, positives, keys, same_cells(own, ids), 0.3, bound, decoupled=True)
    scores = queries @ keys.t() / 0.3
    expected = (scores.logsumexp(dim=1) * rest - (queries * positives).sum(dim=1) / 0.3).mean()
    assert_same(loss, expected, [queries, positives, keys])


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("with_offsets", [False, True])
def test_it_can_be_differentiated_twice(case, with_offsets, decoupled):
    (queries, positives, keys), own, ids = case
    same, offsets = same_cells(own, ids), None
    if with_offsets:
        offset = torch.linspace(-1, 1, 6).to(keys)
        offsets = Offsets(offset[own], offset[ids])

    def second(loss):
        first = torch.autograd.grad(loss, (queries, positives, keys), create_graph=True)
        total = sum((k + 1) * g.square().sum() for k, g in enumerate(first))
        return torch.autograd.grad(total, (queries, positives, keys))

    twice = second(sampled_softmax(queries, positives, keys, same, 0.3, 1.0, offsets, decoupled))
    plain = second(plain_sampled_softmax(queries, positives, keys, same, 0.3, offsets, decoupled))
    for a, b in zip(twice, plain, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("constant", [0, 1, 2], ids=["queries", "positives", "keys"])
def test_a_constant_input_does_not_stop_second_derivatives(case, constant, assert_same_twice):
    inputs, own, ids = case
    inputs[constant].requires_grad_(False)
    same = same_cells(own, ids)
    found, plain = (f(*inputs, same, 0.3) for f in (sampled_softmax, plain_sampled_softmax))
    assert_same_twice(found, plain, [x for x in inputs if x.requires_grad])


def test_same_cells_are_all_cells_of_one_id_by_ascending_rows(case):
    _, own, ids = case
    expected = (own.unsqueeze(1) == ids.unsqueeze(0)).nonzero().t()
    rows, columns = same_cells(own, ids)
    assert bool((rows.diff() >= 0).all())
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == set(zip(*expected.tolist(), strict=True))


def test_nothing_is_the_same_among_other_ids():
    assert same_cells(torch.tensor([1, 2]), torch.tensor([3, 0, 4])).rows.numel() == 0


def test_one_tensor_in_two_places_has_both_gradients(case, assert_same_twice):
    """In-batch keys may be the positives themselves."""
    (queries, positives, _), own, _ = case
    same = same_cells(own, own)
    found = sampled_softmax(queries, positives, positives, same, 0.3, 1.0)
    assert_same_twice(
        found, plain_sampled_softmax(queries, positives, positives, same, 0.3), [queries, positives]
    )
