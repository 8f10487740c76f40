"""Docstrings, signatures and the reference: text in, text out; and the rendered DPO page against the real dataclass."""

from __future__ import annotations

import ast
import dataclasses
import gzip
import html
import re
from pathlib import Path

import pytest

from trldoc import definitions, reference, signatures
from trldoc.docstrings import parse
from trldoc.hf_markdown import Links, first_sentence, markdown
from trldoc.library import LibraryError, open_release, pinned

pytest_plugins = ["site_fixture"]

ROOT = Path(__file__).resolve().parents[2]
MANUAL = "https://example.org/docs"
LINKS = Links(frozenset({"DPOConfig", "DPOTrainer"}), MANUAL)

DOC = '''
    Config of the [`DPOTrainer`].

    Example:

    ```python
    >>> DPOConfig(beta=0.2)  # [`DPOTrainer`]
    ```

    Args:
        > Parameters that control the model

        model (`str`, *optional*, defaults to `(None, None)`):
            A model. Can be:

            - a name
            - a [`~transformers.PreTrainedModel`]
        num_train_epochs(`float`, *optional*, defaults to 3.0):
            How long. Options are:
                - one
                - two

        > Deprecated parameters

        pad_token:

            <Deprecated version="1.1.0">

            Set it on the tokenizer.

            </Deprecated>

    Returns:
        `dict`:
            What [Standard](dataset_formats#standard) rows give.

    > [!WARNING]
    > Mind the [gap](#gap).
'''


def test_groups_keep_their_titles_and_entries():
    groups = parse(DOC, LINKS).groups
    assert [(group.title, [entry.name for entry in group.entries]) for group in groups] == [
        ("Parameters that control the model", ["model", "num_train_epochs"]),
        ("Deprecated parameters", ["pad_token"]),
    ]


def test_text_outside_of_the_parameters_keeps_its_order():
    assert parse(DOC, LINKS).text == (
        'Config of the <autoref identifier="DPOTrainer" optional><code>DPOTrainer</code></autoref>.\n\n'
        "**Example**\n\n"
        "```pycon\n>>> DPOConfig(beta=0.2)  # [`DPOTrainer`]\n```\n\n"
        f"**Returns**\n\n`dict`:\nWhat [Standard]({MANUAL}/dataset_formats.md#standard) rows give.\n\n"
        "!!! warning\n\n    Mind the gap."
    )


def test_a_list_is_a_list_in_python_markdown():
    entries = parse(DOC, LINKS).entries
    assert entries["model"] == "A model. Can be:\n\n- a name\n- a `PreTrainedModel`"
    assert entries["num_train_epochs"] == "How long. Options are:\n\n- one\n- two"


def test_a_deprecated_block_is_an_admonition():
    assert parse(DOC).entries["pad_token"] == '!!! warning "Deprecated since 1.1.0"\n\n    Set it on the tokenizer.'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[`~transformers.AutoTokenizer.from_pretrained`]", "`AutoTokenizer.from_pretrained`"),
        ("[`transformers.Trainer`]", "`transformers.Trainer`"),
        ("[`SFTConfig`]", "`SFTConfig`"),
        ("[`~trl.DPOConfig`]", '<autoref identifier="DPOConfig" optional><code>DPOConfig</code></autoref>'),
        ("[a paper](https://hf.co/papers/1)", "[a paper](https://hf.co/papers/1)"),
        ("[Kernels\nGuide](kernels_hub)", f"[Kernels\nGuide]({MANUAL}/kernels_hub.md)"),
        ("`a[0](b)` and `[x](y)`", "`a[0](b)` and `[x](y)`"),
        ("```python\nx = 1\n```", "```py\nx = 1\n```"),
        ("> [!NOTE]\n> These parameters have default values different from [`X`]:\n> - `a`: 1", ""),
    ],
)
def test_references_links_code_and_notes(text, expected):
    assert markdown(text, LINKS) == expected


def test_the_first_sentence_ends_neither_at_an_abbreviation_nor_in_a_number():
    assert first_sentence("Drops 0.5 rows, e.g. `a`. Then\nmore.") == "Drops 0.5 rows, e.g. `a`."


CONFIG = '''
@dataclass
class Base:
    rate: float = field(default=5e-5, metadata={"help": "About 20%% slower."})
    name = "adamw"
    if fused():
        name = "adamw_fused"
    optim: str = field(default=name)
    internal: int = field(init=False, default=1)

@dataclass
class Config(Base):
    rate: float = 1e-6
    kinds: list[str] = field(default_factory=lambda: ["sigmoid"])
    extra: "list | None" = field(default_factory=list)
    needed: int
'''


def test_fields_show_what_the_source_says():
    classes = signatures.classes(ast.parse(CONFIG))
    base = signatures.fields(classes["Base"], CONFIG)
    merged = signatures.inherit(base, signatures.fields(classes["Config"], CONFIG))
    assert [(field.name, field.type, field.default) for field in merged] == [
        ("rate", "float", "1e-6"),
        ("optim", "str", '"adamw" or "adamw_fused"'),
        ("kinds", "list[str]", '["sigmoid"]'),
        ("extra", "list | None", "[]"),
        ("needed", "int", None),
    ]
    assert (merged[0].differs, merged[0].origin.default, base[0].help) == (True, "5e-5", "About 20% slower.")
    assert not merged[1].differs


def test_an_equal_default_written_otherwise_does_not_differ():
    node = signatures.classes(ast.parse(CONFIG))["Base"]
    (rate, *_) = signatures.fields(node, CONFIG)
    assert not signatures.inherit((rate,), (dataclasses.replace(rate, default="0.00005"),))[0].differs


def test_a_signature_is_broken_when_it_is_long():
    source = "def f(self, a, /, b: 'int' = 1, *args, c: str | None = None, **kwargs): ..."
    params = signatures.parameters(ast.parse(source).body[0], source)
    assert signatures.signature("f", params, "None") == "f(a, b: int = 1, *args, c: str | None = None, **kwargs) -> None"
    assert signatures.signature("f" * 80, params[:2]).count("\n") == 3


def test_a_missing_wheel_names_the_command_that_fetches_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.trldoc.sources]\ntransformers = { version = "0.0.1", hash = "" }\n')
    with pytest.raises(LibraryError, match=r"transformers 0\.0\.1 is not at .*; run `make setup`"):
        definitions.transformers(tmp_path)


def rows_of(name: str, path: str, release: str | None = None) -> dict[str, reference.Row]:
    library = open_release(release, ROOT) if release else pinned(ROOT)
    sections = reference.of_class(definitions.chain(library, path, name, ROOT), LINKS)
    return {row.name: row for section in sections for row in section.rows}


def test_every_config_that_is_exported_is_read_as_python_reads_it():
    """The static reading, transformers' fields included, against the dataclasses of the installed TRL."""
    import trl

    names = [name for name in trl._import_structure["trainer"] if name.endswith("Config")]
    assert "DPOConfig" in names
    for name in names:
        cls = getattr(trl, name)
        rows = rows_of(name, cls.__module__.replace(".", "/") + ".py")
        real = {field.name: field for field in dataclasses.fields(cls) if field.init}
        assert sorted(rows) == sorted(real)
        for field in real.values():
            shown = [ast.literal_eval(part) for part in (rows[field.name].default or "...").split(" or ")]
            assert default_of(field) in shown, f"{name}.{field.name}"


def default_of(field: dataclasses.Field):
    if field.default is not dataclasses.MISSING:
        return field.default
    return ... if field.default_factory is dataclasses.MISSING else field.default_factory()


@pytest.fixture(scope="module")
def page(site) -> str:
    """The DPO reference as it stands in the built site."""
    return (site / "reference/dpo/index.html").read_text(encoding="utf-8")


def test_the_settings_read_the_pinned_release():
    paths = re.findall(r"paths: \[\.cache/trl/([\d.]+)\]", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert paths == [pinned(ROOT).release]


def test_the_page_has_each_field_of_the_real_config_once_with_its_default_and_none_more(page):
    from trl import DPOConfig

    row = re.compile(r'id="DPOConfig\.(\w+)"(?:(?!</td>).)*?= <code>(.*?)</code></span>', re.DOTALL)
    shown = [(name, html.unescape(default)) for name, default in row.findall(page)]
    real = {field.name: default_of(field) for field in dataclasses.fields(DPOConfig) if field.init}
    assert sorted(name for name, _ in shown) == sorted(real)
    assert sorted(re.findall(r'id="DPOConfig\.(\w+)"', page)) == sorted(real)
    for name, default in shown:
        assert real[name] in [ast.literal_eval(part) for part in default.split(" or ")], name


def test_the_page_marks_defaults_that_differ_and_no_others(page):
    from transformers import TrainingArguments
    from trl import DPOConfig

    base = {field.name: default_of(field) for field in dataclasses.fields(TrainingArguments)}
    differing = {f.name for f in dataclasses.fields(DPOConfig) if f.name in base and base[f.name] != default_of(f)}
    noted = re.findall(r'id="DPOConfig\.(\w+)"(?:(?!</tr>).)*?Default differs from', page, re.DOTALL)
    assert set(noted) == differing != set()


def test_the_page_is_light_and_leads_nowhere_but_to_its_sources_and_papers(page):
    assert len(gzip.compress(page.encode())) < 40_000  # bytes on the wire
    article = page[page.index("<article") : page.index("</article")]
    hosts = {re.sub(r"https://([^/]+)/.*", r"\1", url) for url in re.findall(r'href="(https?://[^"]+)', article)}
    assert hosts <= {"github.com", "huggingface.co", "docs.python.org", "pytorch.org", "hf.co"}
    assert not re.search(r"[\[]`|\]\(|&lt;Deprecated|\*optional\*|lambda", article)


def definition(name: str, source: str) -> definitions.Definition:
    return definitions.Definition(name, signatures.classes(ast.parse(source))[name], source, "trl/x.py", "https://x")


TRAINERS = """
class Base:
    def __init__(self, model, beta: float = 0.1): "Makes one."
    def train(self): "Trains. And more."
    def log(self): ...

class Trainer(Base):
    def log(self, logs: dict) -> None: "Logs."
    def _hidden(self): ...
"""


def test_a_trainer_without_its_own_init_shows_the_one_it_inherits_and_its_methods_by_owner():
    sections = reference.of_class((definition("Base", TRAINERS), definition("Trainer", TRAINERS)), LINKS)
    shown = {section.title: [(row.anchor, row.type, row.note) for row in section.rows] for section in sections[1:]}
    assert shown == {
        "Parameters": [("Trainer.model", None, ""), ("Trainer.beta", "float", "")],
        "Methods": [("Trainer.log", "log(logs: dict) -> None", "Overrides `Base.log`.")],
        "Methods inherited from Base": [("Trainer.train", None, "")],
    }
    assert "Trainer(model, beta: float = 0.1)" in sections[0].text


SCRIPT = """'''
# Full training:
```bash
python dpo.py     --beta 1
```
'''
def main(script_args, training_args): ...
def make_parser(): dataclass_types = (ScriptArguments, DPOConfig)
"""


def test_a_command_lists_its_dataclasses_in_the_order_of_its_parser():
    path = "trl/scripts/dpo.py"
    (section,) = reference.of_command(definitions.Definition(path, ast.parse(SCRIPT), SCRIPT, path, "https://x"), LINKS)
    assert "`trl dpo` runs [trl/scripts/dpo.py](https://x#L1)" in section.text
    assert '| 1 | `ScriptArguments` | `script_args` |\n| 2 | <autoref identifier="DPOConfig"' in section.text
    assert "**Full training**\n\n```bash\npython dpo.py \\\n    --beta 1\n```" in section.text
