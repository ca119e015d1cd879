import pytest

from emotune.findings import listed


@pytest.mark.parametrize(
    ("names", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")]
)
def test_a_long_list_of_names_is_cut(names, said):
    assert listed(names, 2) == said
