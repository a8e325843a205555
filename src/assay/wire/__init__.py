"""The JSON form of core's values: one codec for storage, the native door and the SDK.

Because all three speak through this room, they cannot disagree about a field.
"""
