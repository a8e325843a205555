"""The number by which MLflow's clients know a user.

It is made from the name: the same for ever, and no count of people.
"""

import hashlib


def user_id(name: str) -> int:
    """Return the number of a user: 52 bits, which every reader of JSON keeps exactly."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:13], 16)
