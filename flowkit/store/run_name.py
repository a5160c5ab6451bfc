"""Memorable names of runs: `brisk-otter`."""

from __future__ import annotations

import random
from collections.abc import Callable

_HOW = """
able agile amber apt avid bold brave breezy brisk bright calm candid civil clean clear clever cosy
crisp curly daring deft eager early easy even fair fancy fast fine fleet fond frank free fresh
gentle glad golden grand green happy hardy hazel jolly keen kind large lively loyal lucid lucky
mellow merry mild mint neat nimble noble patient plain polite prime proud quick quiet rapid rare
ready rosy round rustic sandy sharp shiny silent silver sleek slim smart snug solid spry steady
still stout sunny swift tall tidy tiny vivid warm wise witty young zesty
"""

_WHO = """
adder alpaca antelope badger bat bear beaver bee bison boar buzzard camel carp cat cheetah cobra cod
condor crab crane cricket crow deer dingo dolphin dove duck eagle eel egret elk falcon ferret finch
fox frog gazelle gecko gibbon goat goose gull hare hawk hedgehog heron hornet ibex ibis jackal
jaguar jay koala lark lemur leopard lion lizard llama lobster lynx magpie marmot marten mole moose
moth mouse newt octopus orca osprey otter owl ox panda parrot pelican perch pigeon pike plover
puffin puma quail rabbit raven robin salmon seal shark shrew sloth snail snake sparrow squid stork
swan tapir tern tiger toad trout turtle viper vole walrus wasp weasel whale wolf wombat wren yak
zebra
"""


def invent(is_taken: Callable[[str], bool]) -> str:
    """A name that no other run of the project has."""
    how, who = _HOW.split(), _WHO.split()
    chance = random.Random()  # the seed of the user's program is left alone
    for _ in range(50):
        name = f"{chance.choice(how)}-{chance.choice(who)}"
        if not is_taken(name):
            return name
    while True:
        name = f"{chance.choice(how)}-{chance.choice(who)}-{chance.randrange(10**6)}"
        if not is_taken(name):
            return name
