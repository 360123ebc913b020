"""General instructions: what a developer asks that has nothing to do with a repository. The untuned base answers them (`teach
--instructions`), and tuning on those answers keeps it able to chat. All of them are made here, from topics and wordings."""

from __future__ import annotations

import hashlib
import random

CONCEPTS = """a mutex;a semaphore;idempotence;a race condition;a deadlock;big-O notation;amortised cost;a hash table;a bloom filter;a B-tree;a trie;a heap;
a linked list;a ring buffer;memoisation;recursion;tail calls;a closure;currying;a monad;lazy evaluation;garbage collection;reference counting;a memory leak;
a dangling pointer;undefined behaviour;stack and heap memory;a cache line;branch prediction;virtual memory;a page fault;a system call;a process and a thread;
a coroutine;an event loop;backpressure;a message queue;publish and subscribe;eventual consistency;the CAP theorem;a two-phase commit;optimistic locking;
a database index;a foreign key;database normalisation;an SQL join;a transaction's isolation level;write-ahead logging;sharding;replication;a load balancer;
a reverse proxy;DNS;the TLS handshake;a certificate authority;public-key encryption;a digital signature;a salted hash;a session cookie;CSRF;cross-site scripting;
SQL injection;OAuth;a JSON web token;CORS;HTTP caching;an ETag;HTTP status codes;a webhook;WebSockets;REST;gRPC;GraphQL;a content delivery network;TCP slow start;
UDP;a checksum;compression with Huffman codes;run-length encoding;UTF-8;Unicode normalisation;endianness;floating-point rounding;two's complement;bit masks;
regular expressions;a finite-state machine;a parser;an abstract syntax tree;a compiler's front end;just-in-time compilation;static typing;duck typing;generics;
variance of type parameters;an interface;composition over inheritance;dependency injection;the observer pattern;the visitor pattern;a singleton;a factory;
a pure function;immutability;structural sharing;unit tests;property-based tests;a mock;code coverage;continuous integration;a feature flag;a canary release;
blue-green deployment;a container image;a package lock file;semantic versioning;a monorepo;git rebase;a merge conflict;git bisect;a pull request;a code review;
technical debt;refactoring;logging levels;tracing;a flame graph;a histogram of latencies;the 99th percentile;rate limiting;exponential backoff;a circuit breaker;
a timeout;a retry;a cron job;an environment variable;a shell pipe;standard error;a symbolic link;file permissions;a file descriptor;a Unix socket;
gradient descent;overfitting;a word embedding;the attention of a transformer;quantisation of a neural network;beam search;a tokenizer;a confusion matrix"""

WORDINGS = [
    "What is {c}?", "Explain {c} in two sentences.", "Explain {c} to someone new to programming.", "Why does {c} matter?", "Give a short example for {c}.",
    "What is {c} good for, and when would you avoid it?", "What do people get wrong about {c}?", "Summarise {c} in one sentence.",
]  # fmt: skip

PAIRS = """a stack|a queue;a list|a tuple;a thread|a process;TCP|UDP;HTTP/1.1|HTTP/2;SQL databases|document stores;merge|rebase;unit tests|integration tests;
static typing|dynamic typing;compiled languages|interpreted languages;authentication|authorisation;encryption|hashing;latency|throughput;
horizontal scaling|vertical scaling;breadth-first search|depth-first search;quicksort|mergesort;inheritance|composition;optimistic locking|pessimistic locking;
JSON|YAML;REST|GraphQL;a library|a framework;concurrency|parallelism;a compiler|a linker;symmetric encryption|public-key encryption;
a virtual machine|a container;polling|webhooks;pass by value|pass by reference;a shallow copy|a deep copy;an array|a linked list;a class|an interface;
a left join|an inner join;a primary key|a unique key;mocking|stubbing;var|let in JavaScript;null|undefined in JavaScript;String|&str in Rust;
a slice|an array in Go;== and equals in Java|identity and equality;a generator|a list in Python;async functions|threads"""

PAIR_WORDINGS = ["What is the difference between {a} and {b}?", "{a} or {b}: when would you take which?", "Compare {a} with {b} briefly."]

TASKS = """reverses a string;checks whether a number is prime;counts the words in a text;finds the largest value in a list;removes duplicates and keeps the order;
sums the digits of a number;checks whether a string is a palindrome;merges two sorted lists;computes the n-th Fibonacci number;groups words by their first letter;
flattens a nested list one level;converts Celsius to Fahrenheit;finds the most frequent element;rotates a list by k places;swaps the keys and values of a map;
reads lines and prints the longest one;computes the greatest common divisor;validates that brackets are balanced;formats a number with thousands separators;
splits a list into chunks of a given size;computes the mean of some numbers;turns snake_case into camelCase;counts how often each character occurs;
finds two numbers that add up to a target;transposes a matrix;does a binary search;retries a call three times;clamps a value to a range"""

LANGUAGES = ["Python", "TypeScript", "JavaScript", "Go", "Rust", "Java", "C"]
TASK_WORDINGS = ["Write a {l} function that {t}.", "In {l}, how would I write a function that {t}? Keep it short."]

SENTENCES = """The meeting was moved because the people who were supposed to present had not finished what they wanted to show.;
We should not deploy on Fridays unless there is a reason that everyone agrees on.;The parser fails if a comment is the last thing in the file.;
Users complain that the page is slow, but only when they have many projects.;The build is red since somebody renamed a folder without changing the script.;
Please make sure that you have saved your work before you restart the machine.;It is not impossible that the cache holds values that are no longer true.;
The function takes a path and gives back the lines that are not empty.;Our customers expect an answer within one day, and we mostly manage that.;
This change makes the start faster at the cost of a little more memory."""

SENTENCE_WORDINGS = [
    "Make this sentence shorter: {s}", "Say this more politely: {s}", "Rewrite this in plain words: {s}", "Translate into German: {s}", "Translate into French: {s}",
    "Turn this into a title of at most six words: {s}", "Write a commit message for this: {s}",
]  # fmt: skip

SMALL_TALK = """Hello;Hi there!;Thanks, that helped.;Good morning;Who are you?;What can you do?;Can you help me with my code?;That was wrong, try again.;
Tell me a joke about programmers.;I am stuck. How do I start debugging?;How do I become a better programmer?;Which language should I learn first?;
How do I name things well?;How long should a function be?;How do I ask a good question?;What makes a good commit message?;How do I read a stack trace?;
How do I review somebody else's code?;When should I write comments?;How do I estimate a task?;What should a README contain?;How do I say no to a feature?;
How do I find the slow part of a program?;Is it worth learning Vim?;Tabs or spaces?;What is 17 times 23?;What is 2 to the power of 12?;How many bytes are in a mebibyte?;
Convert 255 to hexadecimal.;Convert 0b1011 to decimal.;How many days has a leap year?;Sort these: pear, apple, fig.;Spell 'necessary'.;What is the plural of 'index'?;
Give me three names for a log viewer.;Turn {"a": 1, "b": [2, 3]} into YAML.;Write the JSON for a person with a name and an age.;
What does HTTP 404 mean?;What does HTTP 429 mean?;What does `chmod 644` do?;What does `grep -r` do?;What does `git stash` do?;How do I undo my last commit?;
How do I list all files larger than 10 MB in a folder?;How do I find out which process listens on a port?;How do I kill a process by its name?;
What does `x = x or []` do in Python?;Why is 0.1 + 0.2 not 0.3?;What does `await` do?;What does the `?` operator do in Rust?;What does `defer` do in Go?;
What does `final` mean in Java?;What is `this` in JavaScript?;How do I read a file line by line in Python?;How do I sleep for a second in Go?"""


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.replace("\n", " ").split(";") if part.strip()]


def _is_held_out(topic: str) -> bool:
    """One topic in eight, whatever the seed, so that no wording of a held-out topic is ever learnt."""
    return hashlib.sha256(topic.encode()).digest()[0] % 8 == 0


def instructions(seed: int, held_out: bool) -> list[str]:
    """All instructions of the learnt or of the held-out topics, in a random order."""
    found: list[tuple[str, str]] = [(c, w.format(c=c)) for c in _split(CONCEPTS) for w in WORDINGS]
    for pair in _split(PAIRS):
        a, b = pair.split("|")
        found += [(pair, w.format(a=a, b=b)) for w in PAIR_WORDINGS]
    found += [(t, w.format(l=name, t=t)) for t in _split(TASKS) for name in LANGUAGES for w in TASK_WORDINGS]
    found += [(s, w.format(s=s)) for s in _split(SENTENCES) for w in SENTENCE_WORDINGS]
    found += [(t, t) for t in _split(SMALL_TALK)]
    kept = list(dict.fromkeys(text[0].upper() + text[1:] for topic, text in found if _is_held_out(topic) == held_out))
    random.Random(seed).shuffle(kept)
    return kept
