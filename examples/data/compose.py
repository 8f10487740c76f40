"""Compose the preference set from its table: a short answer is chosen, the same answer in many words is rejected.

Run `python examples/data/compose.py` after editing questions.txt; a test compares the result with concise.jsonl.
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
OPENINGS = (
    "That is a great question, and I am glad that you asked it, because {topic} is something many people wonder about.",
    "Thank you so much for your question! I would be more than happy to help you with it today.",
    "When we think about {topic}, there are a number of different things that could be mentioned at this point.",
    "Before I get to the answer itself, it may be useful to take a step back and look at {topic} as a whole.",
    "As a helpful assistant, I always try to give an answer that is as complete as it can possibly be.",
    "This is a question that comes up again and again, and it is easy to see why it would be of interest to you.",
    "Let us take a closer look at this together, step by step, so that nothing of importance is left out.",
    "There is a lot that could be said about {topic}, and whole books have been written on the subject.",
    "Certainly! In what follows I will try to shed some light on {topic} in a way that is easy to understand.",
    "It is always nice to see somebody take an interest in {topic}, which is often overlooked in everyday life.",
    "In order to answer this properly, we first need to be clear about what exactly is meant by the question.",
    "Well, to begin with, it should be said that {topic} can be approached from more than one point of view.",
)
BRIDGES = (
    "With all of that being said, the answer that you are looking for would be the following: {answer}",
    "Taking everything into account, it can be stated with a good deal of confidence that the answer is this: {answer}",
    "If I had to put it in a few words, which is not always easy, I would say: {answer}",
    "Most sources that one could turn to would, in one way or another, tell you this: {answer}",
    "So, to come back to what you actually wanted to know, the answer would be as follows. {answer}",
    "As far as I am able to tell, and as is commonly agreed, one would say: {answer}",
    "Once we have considered all of this, we arrive at the answer, which reads: {answer}",
    "Generally speaking, and leaving special cases aside for the moment, it is safe to say: {answer}",
    "The short version, which of course does not do justice to the topic, is this: {answer}",
)
REMARKS = (
    "It may also be of interest to you that there is more to this. {remark}",
    "As an additional piece of information that you did not ask for: {remark}",
    "On a related note, one might want to add the following. {remark}",
    "While we are on the subject of {topic}, let me also mention something else. {remark}",
    "{remark} This is, of course, only one of the many details that could be added here.",
    "To give you some more background that might come in handy one day: {remark}",
    "By the way, and this is a point that is often forgotten: {remark}",
)
CLOSINGS = (
    "I hope that this answer was helpful to you, and please do not hesitate to ask if you have any further questions!",
    "In conclusion, we can see that this is a topic with many sides, all of which deserve to be looked at with care.",
    "If there is anything else that you would like to know about {topic}, just let me know and I will gladly help.",
    "Of course, everybody's situation is different, so it is always a good idea to consult several sources as well.",
    "To sum it all up once more, the answer has been given above, together with some thoughts that go along with it.",
    "Please keep in mind that there may be exceptions, and it never hurts to learn a little more about such things.",
    "All in all, I would say that your question shows how much there is to discover when one begins to ask.",
    "Feel free to reach out at any time, since there is no such thing as a question that is too small to be asked.",
)


def compose(table: str) -> list[dict]:
    """Lines `question | short answer | topic | remark` → rows with prompt, chosen and rejected messages."""
    rows = []
    chance = random.Random(0)  # the wording of a row depends on the rows before it, so new ones go at the end
    for line in table.splitlines():
        if not line or line.startswith("#"):
            continue
        question, answer, topic, remark = (part.strip() for part in line.split(" | "))
        ending = chance.choice((REMARKS, CLOSINGS))
        parts = [chance.choice(templates) for templates in (OPENINGS, BRIDGES, ending)]
        wordy = " ".join(parts).format(topic=topic, answer=answer, remark=remark)
        rows.append(
            {
                "prompt": [{"role": "user", "content": question}],
                "chosen": [{"role": "assistant", "content": answer}],
                "rejected": [{"role": "assistant", "content": wordy}],
            }
        )
    return rows


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    rows = compose((HERE / "questions.txt").read_text(encoding="utf-8"))
    (HERE / "concise.jsonl").write_text(lines(rows), encoding="utf-8")
    print(f"{len(rows)} pairs")
