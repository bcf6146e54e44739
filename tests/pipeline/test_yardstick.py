"""What the lists are measured with: of users with a test item, beyond accuracy too, as the note says."""

import numpy as np
import torch

from supernet.data.dataset import Dataset, Pairs
from supernet.pipeline.tables import BEYOND_NOTE
from supernet.pipeline.yardstick import Yardstick


def test_lists_of_users_without_a_test_item_do_not_count():
    pairs = Pairs(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 3]))
    nothing = Pairs(torch.tensor([], dtype=torch.long), torch.tensor([], dtype=torch.long))
    test = Pairs(torch.tensor([0, 2]), torch.tensor([1, 1]))
    names = np.array(["a", "b", "c", "d", "e"], dtype=object)
    parts = {"train": pairs, "alpha": nothing, "valid": nothing, "test": test}
    yardstick = Yardstick.of(Dataset("hand", names[:3], names, names, None, parts), [2])
    found = [yardstick.measure(torch.tensor([[1, 2], other, [2, 1]])) for other in ([0, 3], [4, 0], [-1, -1])]
    assert found[0].per_user.coverage == {"coverage@2": 2 / 5}
    assert found[0].beyond["gini@2"] > 0.5
    for one in found[1:]:
        assert one.beyond == found[0].beyond
        assert one.per_user.means() == found[0].per_user.means()
    assert BEYOND_NOTE.startswith("Of the lists of users with a test item.")
