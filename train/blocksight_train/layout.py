"""The independent layout (docs/architecture.md): where the prefix, segments and conversations lie.

The same numbers are metadata of every adapter; the engine reads them from there.
"""

BLOCK = 128  # tokens of one block, also the KV page
PREFIX = BLOCK  # the system turn that every segment and conversation sees, block 0
SEGMENT_BLOCKS = 15
SEGMENT = SEGMENT_BLOCKS * BLOCK  # most tokens of one segment, header included
CONVERSATION = PREFIX + SEGMENT + BLOCK  # position of a conversation's first token: 2,176
TOP_BLOCKS = 16  # blocks a row reads: the prefix, the local block and the best others
FREE_BLOCKS = TOP_BLOCKS - 2
MOST_CANDIDATES = 8  # files among which a citation points
