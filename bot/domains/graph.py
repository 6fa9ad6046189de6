"""A picture of a domain's tasks, as a Mermaid flowchart: GitHub and most editors draw it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domains.domain import Domain
from bot.domains.parts import Step, Task

_ARROWS = {"required": "-->", "offered": "-.->", "optional": "-.->"}
_NEEDS = {"required": "", "offered": "可跳过", "optional": "不问"}


def mermaid(domain: Domain) -> str:
    """Return the flowchart of all tasks: what begins them, what they ask in order and when, what they do."""
    lines = ["flowchart LR"]
    for name, task in domain.tasks.items():
        lines.append(f'  subgraph {name}["{_text(task.title)}"]')
        lines += [f"    {line}" for line in _task(domain, name, task)]
        lines.append("  end")
    actions = {name: domain.actions[task.action] for name, task in domain.tasks.items()}
    records = dict.fromkeys(action.record for action in actions.values() if action.record)
    lines += [f'  record_{record}[("{record}")]' for record in records]
    for name, action in actions.items():
        if action.do == "call":
            lines.append(f'  {name}_action --> {name}_service{{{{"{_text(action.url)}"}}}}')
        else:
            arrow = "-->" if action.do != "find" else "<-->"
            lines.append(f"  {name}_action {arrow} record_{action.record}")
    return "\n".join(lines)


def _task(domain: Domain, name: str, task: Task) -> Iterator[str]:
    before = f"{name}_intent"
    yield f'{before}(["{task.intent}"])'
    for step in task.slots:
        here = f"{name}_{step.slot}"
        slot = domain.slots[step.slot]
        yield f'{here}["{_text(slot.label)}<br/>{slot.type}"]'
        label = _condition(domain, step)
        yield f"{before} {_ARROWS[step.need]}{f'|{_text(label)}|' if label else ''} {here}"
        before = here
    if task.summary:
        yield f'{name}_summary{{"核对"}}'
        yield f"{before} --> {name}_summary"
        before = f"{name}_summary"
    yield f'{name}_action[/"{task.action}"/]'
    yield f"{before} --> {name}_action"


def _condition(domain: Domain, step: Step) -> str:
    conditions = [f"{domain.slots[slot].label}={'/'.join(values)}" for slot, values in step.when.items()]
    return "，".join(filter(None, [*conditions, _NEEDS[step.need]]))


def _text(text: str) -> str:
    """Return text that Mermaid takes as such."""
    return text.replace('"', "#quot;").replace("|", "#124;")
