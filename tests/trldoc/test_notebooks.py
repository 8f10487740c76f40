"""Example pages: what a script becomes, what is left of mkdocs-jupyter's page, and the real page in a small build."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from trldoc import notebooks, records

pytest_plugins = ["site_fixture"]

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = '''# %% [markdown]
# # DPO: a script
#
# Prose.

# %%
# --8<-- [start:train]
def train():
    # --8<-- [start:inner]
    return """# kept"""
    # --8<-- [end:inner]


# --8<-- [end:train]
'''

RECORD = records.Record(
    example="dpo", command="python dpo.py --x 1", inputs={}, versions={"trl": "1.16.0"}, device="CPU", weights="stand-in",
    date="2026-11-24", seconds=1.0, log_history=(), summary={}, output="{'loss': '0.69'}\n\ndone\n",
)  # fmt: skip


def test_a_script_is_shown_without_region_comments_and_with_its_run():
    assert notebooks.script(SCRIPT, "dpo.py", RECORD) == (
        "# %% [markdown]\n# # DPO: a script\n"
        "#\n# [Download dpo.py](dpo.py): the file as it ran, with comments that mark the regions other pages quote.\n"
        "#\n# Prose.\n\n"
        '# %%\ndef train():\n    return """# kept"""\n\n'
        "# %% [markdown]\n# ## What it printed {#output}\n#\n"
        "# ```bash\n# python dpo.py \\\n#     --x 1\n# ```\n#\n"
        "# Recorded 2026-11-24 on CPU, with stand-in weights. trl 1.16.0.\n#\n"
        "# ```text\n# {'loss': '0.69'}\n#\n# done\n# ```\n"
    )


def test_a_stale_or_missing_record_is_said():
    stale = notebooks.script(SCRIPT, "dpo.py", RECORD, "stale: examples/dpo.py changed since the run")
    assert "# **This run is stale: examples/dpo.py changed since the run.**\n" in stale
    assert notebooks.script(SCRIPT, "dpo.py", None).endswith("# This script has no recorded run yet.\n")


def test_a_script_without_a_title_cell_is_refused():
    with pytest.raises(notebooks.NotebookError, match=r"^examples/dpo\.py:1: the first cell must be `# %% \[markdown\]` with a title"):
        notebooks.script("import os\n", "examples/dpo.py", None)


PAGE = """
<style>a { color: red }</style><script src="https://cdn.example.org/require.js"></script>
<div class="jp-MarkdownOutput"><h2 id="x-y">X <code>y</code> {#why}<a class="anchor-link" href="#x-y">¶</a></h2>
<div class="highlight"><pre><span></span><span class="nb">ls</span>
</pre></div></div>
<div class="highlight-ipynb hl-python"><pre><span></span><span class="n">a</span><span class="w"> </span><span class="o">&lt;</span> 1
</pre></div><div class="clipboard-copy-txt">a &lt; 1</div>
<div class="jp-OutputArea"><div class="jp-OutputArea-output"><pre>True</pre></div></div>
"""


def test_only_the_cells_are_left_of_a_page():
    assert notebooks.slim(PAGE) == (
        '<h2 id="why">X <code>y</code><a class="headerlink" href="#why" title="Permanent link">¶</a></h2>\n'
        '<div class="language-text highlight"><pre><code><span class="nb">ls</span>\n</code></pre></div>\n'
        '<div class="language-python highlight"><pre><code>a <span class="o">&lt;</span> 1\n</code></pre></div>\n'
        '<div class="language-text highlight"><pre><code>True\n</code></pre></div>\n'
    )


def test_a_page_without_cells_is_refused():
    with pytest.raises(notebooks.NotebookError, match="no cells found; does mkdocs-jupyter still write"):
        notebooks.slim("<div class='new-Cell'>x</div>")


def test_the_table_of_contents_takes_the_explicit_ids():
    inner = SimpleNamespace(title="Plain", id="plain", children=[])
    outer = SimpleNamespace(title="What it printed {#output}", id="what-it-printed-output", children=[inner])
    notebooks.identify([outer])
    assert [(token.title, token.id) for token in (outer, inner)] == [("What it printed", "output"), ("Plain", "plain")]


def test_the_copied_cells_are_the_program(site):
    """Code that is copied cell by cell is the script: the same syntax tree, and not a region comment in sight."""
    page = (site / "trainers/dpo/example/index.html").read_text(encoding="utf-8")
    cells = re.findall(r'<div class="language-python highlight"><pre><code>(.*?)</code></pre>', page, re.DOTALL)
    copied = "\n".join(html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in cells)
    script = (site / "trainers/dpo/example/dpo.py").read_text(encoding="utf-8")
    assert ast.dump(ast.parse(copied)) == ast.dump(ast.parse(script))
    assert "--8&lt;--" not in page


def test_the_page_is_light_and_names_no_third_party(site):
    page = (site / "trainers/dpo/example/index.html").read_text(encoding="utf-8")
    article = page[page.index("<article") : page.index("</article")]
    script = (site / "trainers/dpo/example/dpo.py").read_text(encoding="utf-8")
    assert len(article) < 3 * len(script)  # text, highlighting and the output; it was 40 times before
    assert not re.search(r"<style|<script|cdn|//unpkg|jsdelivr|jp-Cell", article)
    assert 'id="output"' in article and '<a href="#output" class="md-nav__link">' in page


def test_the_download_is_the_file_itself(site):
    downloaded = site / "trainers/dpo/example/dpo.py"
    assert downloaded.read_bytes() == (ROOT / "examples/dpo.py").read_bytes()
