"""Names for runs that were given none: two words and a number, easy to say and to tell apart."""

from typing import Final

_QUALITIES: Final = """
    able bold brave bright brisk calm clean clear clever crisp deft eager early even fair fast fine
    firm fleet fond frank free fresh gentle glad grand handy happy hardy keen kind light lively
    loyal lucky merry mild neat nimble noble patient plain proud quick quiet rapid ready rich rosy
    sharp shy silent sleek smart smooth snug sober solid sound spry stable steady still strong sunny
    sure swift tidy tranquil true upbeat vivid warm wise
"""
_CREATURES: Final = """
    ant badger bat bear beaver bee bird bison boar buck calf camel carp cat colt conch cow crab
    crane crow cub deer dog dolphin dove duck eagle eel elk ewe falcon fawn finch fish flea foal
    fowl fox frog gnat goat goose grouse gull hare hawk hen heron horse hound jay kid kit koi lamb
    lark lion loon lynx mare mole moose moth mouse mule newt otter owl ox panda perch pig pike pug
    quail ram rat raven robin seal shad shark sheep shrew shrike skunk sloth slug smelt snail snake
    snipe sow sponge squid stag steed stork swan tern toad trout turtle vole wasp whale wolf worm
    wren yak zebra
"""
_PAIRS: Final = tuple(
    f"{quality}-{creature}" for quality in _QUALITIES.split() for creature in _CREATURES.split()
)


def name_for(number: int) -> str:
    """Return the name that a number stands for, e.g. ``bright-heron-417``."""
    rest, place = divmod(number, 1000)
    return f"{_PAIRS[rest % len(_PAIRS)]}-{place}"
