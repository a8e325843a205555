"""What every door needs of HTTP, whatever it speaks: who asks, from where, bytes up and bytes down.

Below the doors, so that they need not know each other; above the use cases.
"""
