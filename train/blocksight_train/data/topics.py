"""What the general instructions are about. Every topic is one name or text, so that whole topics can be held out."""

from __future__ import annotations

CONCEPTS = [
    "a mutex", "a semaphore", "idempotence", "a race condition", "a deadlock", "big-O notation", "amortised cost", "a hash table",
    "a bloom filter", "a B-tree", "a trie", "a heap", "a linked list", "a ring buffer", "memoisation", "recursion", "tail calls",
    "a closure", "currying", "a monad", "lazy evaluation", "garbage collection", "reference counting", "a memory leak",
    "a dangling pointer", "undefined behaviour", "stack and heap memory", "a cache line", "branch prediction", "virtual memory",
    "a page fault", "a system call", "a process and a thread", "a coroutine", "an event loop", "backpressure", "a message queue",
    "publish and subscribe", "eventual consistency", "the CAP theorem", "a two-phase commit", "optimistic locking", "a database index",
    "a foreign key", "database normalisation", "an SQL join", "a transaction's isolation level", "write-ahead logging", "sharding",
    "replication", "a load balancer", "a reverse proxy", "DNS", "the TLS handshake", "a certificate authority", "public-key encryption",
    "a digital signature", "a salted hash", "a session cookie", "CSRF", "cross-site scripting", "SQL injection", "OAuth",
    "a JSON web token", "CORS", "HTTP caching", "an ETag", "HTTP status codes", "a webhook", "WebSockets", "REST", "gRPC", "GraphQL",
    "a content delivery network", "TCP slow start", "UDP", "a checksum", "compression with Huffman codes", "run-length encoding", "UTF-8",
    "Unicode normalisation", "endianness", "floating-point rounding", "two's complement", "bit masks", "regular expressions",
    "a finite-state machine", "a parser", "an abstract syntax tree", "a compiler's front end", "just-in-time compilation", "static typing",
    "duck typing", "generics", "variance of type parameters", "an interface", "composition over inheritance", "dependency injection",
    "the observer pattern", "the visitor pattern", "a singleton", "a factory", "a pure function", "immutability", "structural sharing",
    "unit tests", "property-based tests", "a mock", "code coverage", "continuous integration", "a feature flag", "a canary release",
    "blue-green deployment", "a container image", "a package lock file", "semantic versioning", "a monorepo", "git rebase",
    "a merge conflict", "git bisect", "a pull request", "a code review", "technical debt", "refactoring", "logging levels", "tracing",
    "a flame graph", "a histogram of latencies", "the 99th percentile", "rate limiting", "exponential backoff", "a circuit breaker",
    "a timeout", "a retry", "a cron job", "an environment variable", "a shell pipe", "standard error", "a symbolic link",
    "file permissions", "a file descriptor", "a Unix socket", "gradient descent", "overfitting", "a word embedding",
    "the attention of a transformer", "quantisation of a neural network", "beam search", "a tokenizer", "a confusion matrix",
    "a thread pool", "a promise", "a callback", "a higher-order function", "referential transparency", "binary search", "quicksort",
    "merge sort", "a hash collision", "a binary tree", "a balanced tree", "a priority queue", "a graph", "breadth-first search",
    "depth-first search", "dynamic programming", "a greedy algorithm", "backtracking", "stack overflow", "a buffer overflow",
    "a cache miss", "cache invalidation", "an LRU cache", "Unicode", "character escaping", "a lexer", "a compiler", "an interpreter",
    "type inference", "polymorphism", "inheritance", "encapsulation", "the adapter pattern", "a distributed lock", "leader election",
    "a database transaction", "a left join", "an N+1 query", "a connection pool", "a migration of a database", "an ORM", "long polling",
    "an HTTP header", "a content security policy", "symmetric encryption", "TCP", "a subnet", "NAT", "a container", "a virtual machine",
    "a code smell", "an integration test", "fuzzing", "a profiler", "a breakpoint", "structured logging", "a metric", "a daemon",
    "a process", "an exit code", "pattern matching", "a null pointer", "an optional type", "an exception", "a stack trace", "a decorator",
    "an iterator", "a generator function", "a macro", "operator overloading", "a shallow copy", "a deep copy", "serialisation", "a UUID",
    "time zones in software", "a leap second",
]  # fmt: skip

PAIRS = [
    ("a stack", "a queue"), ("a list", "a tuple"), ("a thread", "a process"), ("TCP", "UDP"), ("HTTP/1.1", "HTTP/2"),
    ("SQL databases", "document stores"), ("merge", "rebase"), ("unit tests", "integration tests"), ("static typing", "dynamic typing"),
    ("compiled languages", "interpreted languages"), ("authentication", "authorisation"), ("encryption", "hashing"),
    ("latency", "throughput"), ("horizontal scaling", "vertical scaling"), ("breadth-first search", "depth-first search"),
    ("quicksort", "mergesort"), ("inheritance", "composition"), ("optimistic locking", "pessimistic locking"), ("JSON", "YAML"),
    ("REST", "GraphQL"), ("a library", "a framework"), ("concurrency", "parallelism"), ("a compiler", "a linker"),
    ("symmetric encryption", "public-key encryption"), ("a virtual machine", "a container"), ("polling", "webhooks"),
    ("pass by value", "pass by reference"), ("a shallow copy", "a deep copy"), ("an array", "a linked list"), ("a class", "an interface"),
    ("a left join", "an inner join"), ("a primary key", "a unique key"), ("mocking", "stubbing"), ("var", "let in JavaScript"),
    ("null", "undefined in JavaScript"), ("String", "&str in Rust"), ("a slice", "an array in Go"),
    ("== and equals in Java", "identity and equality"), ("a generator", "a list in Python"), ("async functions", "threads"),
    ("a mutex", "a semaphore"), ("a set", "a list"), ("a tree", "a graph"), ("an abstract class", "an interface"),
    ("blocking I/O", "non-blocking I/O"), ("encoding", "encryption"), ("a monolith", "microservices"), ("git reset", "git revert"),
    ("XML", "JSON"), ("let", "const in JavaScript"), ("== in JavaScript", "==="), ("is", "== in Python"), ("Box", "Rc in Rust"),
    ("a HashMap", "a TreeMap in Java"), ("checked exceptions", "unchecked exceptions"), ("malloc", "calloc"), ("DELETE", "TRUNCATE in SQL"),
    ("WHERE", "HAVING in SQL"), ("a cookie", "local storage"), ("server-side rendering", "client-side rendering"), ("PUT", "PATCH"),
    ("a 401 response", "a 403 response"), ("recursion", "iteration"), ("a warning", "an error"), ("logging", "tracing"),
    ("an interface", "a type alias in TypeScript"), ("unknown", "any in TypeScript"), ("sh", "bash"),
]  # fmt: skip

# Small functions to write. They fit any of the general languages.
TASKS = [
    "reverses a string", "checks whether a number is prime", "counts the words in a text", "finds the largest value in a list",
    "removes duplicates and keeps the order", "sums the digits of a number", "checks whether a string is a palindrome",
    "merges two sorted lists", "computes the n-th Fibonacci number", "groups words by their first letter",
    "flattens a nested list one level", "converts Celsius to Fahrenheit", "finds the most frequent element", "rotates a list by k places",
    "swaps the keys and values of a map", "reads lines and prints the longest one", "computes the greatest common divisor",
    "validates that brackets are balanced", "formats a number with thousands separators", "splits a list into chunks of a given size",
    "computes the mean of some numbers", "turns snake_case into camelCase", "counts how often each character occurs",
    "finds two numbers that add up to a target", "transposes a matrix", "does a binary search", "retries a call three times",
    "clamps a value to a range", "counts the vowels in a string", "returns the second largest number in a list",
    "sums the even numbers of a list", "computes the factorial of n", "computes the greatest common divisor of two numbers",
    "counts how often each word occurs in a text", "finds the longest word in a sentence", "checks whether two strings are anagrams",
    "capitalises the first letter of each word", "converts a number to a Roman numeral", "converts an integer to binary digits",
    "finds the missing number in 1 to n", "returns the intersection of two lists", "multiplies two matrices",
    "parses a line of comma-separated values", "formats a number of bytes as KB or MB", "formats seconds as hh:mm:ss",
    "checks whether a year is a leap year", "computes the number of days between two dates", "reads a file and returns its number of lines",
    "swaps keys and values of a map", "sorts people by age and then by name", "computes the Hamming distance of two strings",
    "truncates a string and appends an ellipsis", "validates a simple e-mail address", "generates a random password of n characters",
    "shuffles a list in place", "implements a stack with push and pop", "computes x to the power n without the power operator",
    "debounces calls of another function", "returns the running totals of a list", "checks whether a list is sorted",
    "zips two lists into pairs", "escapes the HTML characters of a string",
    "joins a list of names with commas and an 'and' before the last", "compares two version numbers such as 1.10.2 and 1.9.0",
    "compresses aaabbc to a3b2c1", "pads a string on the left to a given width",
]  # fmt: skip

QUERIES = [
    "count the orders of each customer", "find customers who never ordered anything", "get the three highest salaries", "delete duplicate e-mail rows but keep the newest",
    "sum the sales per month", "list products whose price is above the average", "update all prices by five percent", "add a nullable column to a table",
    "select the latest login of every user", "find rows of one table that are missing in another", "paginate results, twenty a page",
    "count distinct visitors per day", "join employees with their managers in the same table", "create an index on two columns",
    "insert a row or update it if the key exists", "compute a running total of payments", "find names that start with an A, ignoring case",
]  # fmt: skip

CHORES = [
    "find all files larger than 100 MB", "count the lines of all .txt files below a folder", "replace tabs by spaces in a file", "show the ten largest folders",
    "kill the process that listens on port 8080", "print the third column of a file", "rename all .jpeg files to .jpg", "delete empty folders",
    "show the last 50 lines of a log and follow it", "find files changed in the last 24 hours", "download a file and resume if interrupted",
    "check whether a variable is empty", "loop over the numbers 1 to 10", "make a compressed archive of a folder", "sort a file and drop duplicate lines",
    "run a command every five seconds", "copy a folder to another machine", "show how much disk space is left", "compare two folders",
    "stop a script at the first error", "measure how long a command takes", "read a file line by line", "make a script executable",
]  # fmt: skip

PATTERNS = [
    "an ISO date such as 2024-05-17", "a hexadecimal colour", "an IPv4 address", "a line that is empty or only whitespace", "a number with an optional sign and decimals",
    "a word that is written twice in a row", "a US-style phone number", "everything between double quotes", "a version such as v1.2.3",
    "an identifier of letters, digits and underscores", "the extension of a file name", "a time in 24-hour format", "a trailing comma before a closing bracket",
]  # fmt: skip

GIT = [
    "undo the last commit but keep the changes", "change the message of the last commit", "throw away local changes of one file", "create a branch and switch to it",
    "delete a remote branch", "see who changed a line", "squash the last three commits", "stash changes with a name", "apply one commit from another branch",
    "list branches by date", "find the commit that broke something", "rename a branch", "untrack a file but leave it on disk", "recover a deleted branch",
    "show what is staged", "tag a release", "resolve a merge conflict", "keep a fork up to date",
]  # fmt: skip

MESSAGES = [
    "segmentation fault (core dumped)", "TypeError: 'NoneType' object is not iterable", "TypeError: undefined is not a function", "java.lang.NullPointerException",
    "IndexError: list index out of range", "ModuleNotFoundError: No module named 'requests'", "EADDRINUSE: address already in use", "ECONNREFUSED",
    "permission denied (publickey)", "no space left on device", "cannot borrow as mutable more than once at a time", "CORS policy: No 'Access-Control-Allow-Origin' header",
    "413 Payload Too Large", "502 Bad Gateway", "504 Gateway Timeout", "429 Too Many Requests", "undefined reference to `main'", "OutOfMemoryError: Java heap space",
    "RecursionError: maximum recursion depth exceeded", "fatal: refusing to merge unrelated histories", "SyntaxError: Unexpected token < in JSON at position 0",
    "all goroutines are asleep - deadlock!", "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff", "ImportError: cannot import name (circular import)",
    "certificate has expired", "too many open files", "command not found", "division by zero", "deadlock detected",
]  # fmt: skip

# A few lines with one mistake each.
BUGS = [
    "def add(item, items=[]):\n    items.append(item)\n    return items",
    "for i in range(len(xs)):\n    if xs[i] < 0:\n        del xs[i]",
    "def mean(xs):\n    return sum(xs) / len(xs)\nprint(mean([]))",
    "total = 0\nfor price in prices:\n    total =+ price",
    "if user.name = 'root':\n    deny()",
    "funcs = [lambda: i for i in range(3)]\nprint([f() for f in funcs])",
    "text = 'a,b,c'\ntext.replace(',', ';')\nprint(text)",
    "try:\n    save(order)\nexcept:\n    pass",
    "const ids = ['1', '2', '10'];\nids.sort();\nconsole.log(ids.map(parseInt));",
    "for (var i = 0; i < 3; i++) {\n  setTimeout(() => console.log(i), 10);\n}",
    "items.forEach(async (item) => {\n  await save(item);\n});\nconsole.log('all saved');",
    "const data = fetch('/users').json();\nconsole.log(data.length);",
    "if (0.1 + 0.2 === 0.3) {\n  console.log('equal');\n}",
    "function area(w, h) {\n  return\n    w * h;\n}",
    "let count = '5';\ncount = count + 1;\nconsole.log(count); // 6 expected",
    "const copy = original;\ncopy.done = true;\nconsole.log(original.done); // false expected",
    "var m map[string]int\nm[\"a\"] = 1",
    "for _, v := range values {\n\tgo func() { fmt.Println(v) }()\n}\n// the program ends at once",
    "f, err := os.Open(name)\ndefer f.Close()\nif err != nil { return err }",
    "let s = String::from(\"hi\");\nlet t = s;\nprintln!(\"{}\", s);",
    "let v = vec![1, 2, 3];\nfor i in 0..=v.len() {\n    println!(\"{}\", v[i]);\n}",
    "String a = new String(\"x\");\nString b = new String(\"x\");\nif (a == b) System.out.println(\"same\");",
    "for (String s : names) {\n    if (s.isEmpty()) names.remove(s);\n}",
    "int half = 1 / 2 * 10;\nSystem.out.println(half); // 5 expected",
    "char *copy(const char *s) {\n    char buffer[64];\n    strcpy(buffer, s); return buffer;\n}",
    "int *p = malloc(10 * sizeof(int));\nfor (int i = 0; i <= 10; i++) p[i] = 0;\nfree(p);",
    "int i;\nfor (i = 0; i < 10; i++);\n    printf(\"%d\\n\", i);",
    "char c = getchar();\nwhile (c != EOF) {\n    putchar(c);\n}",
    "SELECT name, COUNT(*)\nFROM orders\nWHERE COUNT(*) > 3;",
    "SELECT * FROM users\nWHERE deleted_at = NULL;",
    "UPDATE accounts\nSET balance = 0;\n-- only account 7 was meant",
    "file=my notes.txt\nif [ $file == \"\" ]; then\n  echo empty; fi",
    "cd $BUILD_DIR\nrm -rf *\n# BUILD_DIR may be unset",
    "while n > 0:\n    print(n)\n    n + 1",
    "int binary_mid(int lo, int hi) {\n    return (lo + hi) / 2;\n}  // lo and hi may be very large",
]  # fmt: skip

SENTENCES = [
    "The meeting was moved because the people who were supposed to present had not finished what they wanted to show.",
    "We should not deploy on Fridays unless there is a reason that everyone agrees on.",
    "The parser fails if a comment is the last thing in the file.",
    "Users complain that the page is slow, but only when they have many projects.",
    "The build is red since somebody renamed a folder without changing the script.",
    "Please make sure that you have saved your work before you restart the machine.",
    "It is not impossible that the cache holds values that are no longer true.",
    "The function takes a path and gives back the lines that are not empty.",
    "Our customers expect an answer within one day, and we mostly manage that.",
    "This change makes the start faster at the cost of a little more memory.",
    "In the event that the upload should fail, a new attempt will be undertaken by the system after the passing of ten seconds.",
    "It is to be noted that the utilisation of the older endpoint is no longer something that we recommend.",
    "Due to the fact that the server was being restarted, users were not able to perform a login for the duration of several minutes.",
    "The build is broken again because somebody merged without running the tests.",
    "We are currently in the process of carrying out an investigation into the reason for the slow page loads.",
    "The cache invalidation logic was implemented by the backend team in order to mitigate staleness of the data.",
    "please fix this asap it has been broken since monday and nobody answers",
    "Your pull request is way too big and I don't want to read it.",
    "The aforementioned parameter, which is optional in nature, can be made use of for the purpose of limiting results.",
    "Requests are throttled per tenant via a token bucket whose refill rate depends on the plan.",
    "We leverage an idempotency key so that retried writes do not get applied more than once.",
    "The job was killed by the scheduler since its resident set exceeded the memory limit of the cgroup.",
    "There is a possibility that results may potentially differ slightly from one run to another run.",
    "The meeting about the release which was planned for Tuesday has been moved to Thursday because of the holiday.",
    "Clients must renew their certificates prior to expiry, failing which mutual TLS connections will be refused.",
    "This function does the parsing and also the validation and in addition it writes the result to disk.",
    "I think that maybe we could perhaps consider using a queue here.",
    "The service degrades gracefully under load by shedding low-priority traffic at the edge.",
    "Nobody told me the schema changed, so of course my import fails.",
    "Data older than ninety days is moved to cold storage, from which retrieval takes up to twelve hours.",
    "Owing to a misconfiguration of the DNS records, mail delivery was subject to delays.",
    "A failover is triggered once three consecutive health checks have not been answered in time.",
    "Make sure that you always remember to never forget to close the file after you have finished using it.",
    "The endpoint is eventually consistent, hence a read directly after a write may return the previous value.",
    "Our tests are flaky because they depend on the order in which they run and on the clock.",
    "The new search is better than the old search in most of the cases that we have looked at so far.",
]  # fmt: skip

CHOICES = [
    "microservices", "a monorepo", "TypeScript instead of plain JavaScript", "test-driven development", "pair programming", "code generation", "an ORM",
    "GraphQL", "serverless functions", "Kubernetes for a small team", "SQLite in production", "storing images in a database", "UUIDs as primary keys",
    "soft deletes", "global variables", "singletons", "deep class hierarchies", "async code everywhere", "feature flags", "trunk-based development",
    "squash merging", "code review before every merge", "one hundred percent test coverage", "comments in code", "auto-formatting on save",
    "vendoring dependencies", "pinning every dependency", "long-lived branches", "event sourcing", "caching aggressively", "writing your own parser",
    "remote work for developers", "daily stand-ups", "garbage-collected languages", "exceptions for error handling", "a rewrite from scratch",
]  # fmt: skip

# Data and the formats that it is to be put into.
DATA = [
    ('{"name": "Ada", "age": 36, "tags": ["math", "code"]}', ("YAML", "TOML", "XML")),
    ('{"server": {"host": "localhost", "port": 8080, "debug": true}}', ("YAML", "TOML", "INI")),
    ('[{"id": 1, "city": "Oslo"}, {"id": 2, "city": "Lima"}]', ("CSV", "YAML", "a Markdown table")),
    ('{"retries": 3, "backoff": {"first": 0.5, "factor": 2}}', ("YAML", "TOML", "XML")),
    ("id,name,price\n1,pen,1.20\n2,book,9.90", ("JSON", "a Markdown table", "SQL INSERT statements")),
    ("day,high,low\nMon,21,12\nTue,19,11", ("JSON", "YAML", "a Markdown table")),
    ("name: api\nimage: nginx\nports:\n  - 80\n  - 443", ("JSON", "TOML")),
    ("users:\n  - name: Kim\n    admin: true\n  - name: Lee\n    admin: false", ("JSON", "CSV")),
    ("title=Report\nauthor=Sam\npages=12", ("JSON", "YAML")),
    ("<note><to>Jo</to><text>Call back</text></note>", ("JSON", "YAML")),
    ("color: red; margin: 4px; padding: 8px", ("a JavaScript style object", "JSON")),
    ("apples 3\npears 5\nplums 12", ("JSON", "a Markdown table", "CSV")),
]  # fmt: skip

# Short sums and puzzles with strings; each is asked as it stands, in a few wordings of its own.
PUZZLES = [
    ["What is 2 to the power of 12?"], ["How many bytes are in a mebibyte?"], ["Convert 0b1011 to decimal."], ["How many days has a leap year?"], ["Spell 'necessary'."], ["What is the plural of 'index'?"],
    ["What is 17 times 23?", "17 * 23 = ?", "Multiply 17 by 23."], ["What is 144 divided by 12?", "144 / 12?"], ["What is 15 percent of 240?", "15% of 240?"],
    ["Convert 255 to hexadecimal.", "255 in hex?"], ["What is 0x1F in decimal?", "0x1F as a decimal number"], ["Write 42 in binary.", "42 in binary?"],
    ["What is binary 101101 in decimal?", "101101b to decimal"], ["What is 2 to the power of 16?", "2^16?"], ["What is 1000 modulo 7?", "1000 % 7"],
    ["How many seconds are in a day?", "seconds per day?"], ["How many bytes are in 3 KiB?", "3 KiB in bytes"], ["How many minutes are 2.5 hours?", "2.5 h in minutes"],
    ["Reverse the string 'network'.", "'network' backwards?"], ["How many letters are in 'repetition'?", "length of the word repetition?"],
    ["Put these words in alphabetical order: pear, apple, fig, banana.", "Sort: pear, apple, fig, banana"], ["Sort these numbers: 9, 3, 14, 1, 7.", "sort ascending: 9 3 14 1 7"],
    ["Write 'hello world' in upper case.", "uppercase hello world"], ["Turn 'userNameField' into snake_case.", "userNameField -> snake_case?"],
    ["Turn 'max_retry_count' into camelCase.", "max_retry_count in camelCase"], ["What is the median of 4, 8, 1, 9, 5?", "median of 4 8 1 9 5"],
    ["What is the average of 10, 20 and 60?", "mean of 10, 20, 60?"], ["Is 91 a prime number?", "is 91 prime"], ["List the prime numbers below 20.", "primes < 20"],
    ["A job takes 4 minutes and runs every 10 minutes. How long is it idle in an hour?", "4 minutes busy of every 10: minutes idle per hour?"],
    ["A download of 600 MB runs at 20 MB/s. How long does it take?", "600 MB at 20 MB/s, how many seconds?"],
    ["Three servers handle 150 requests a second each. How many a minute in all?", "3 servers x 150 req/s, per minute?"],
    ["What date is 10 days after 25 March?", "25 March + 10 days"], ["How many vowels does 'asynchronous' have?", "count the vowels in asynchronous"],
    ["Remove the duplicates from 1, 2, 2, 3, 1, 4.", "unique values of 1 2 2 3 1 4"], ["Join the words red, green and blue with a dash.", "red green blue joined by -"],
    ["What is the next number: 2, 4, 8, 16?", "2 4 8 16 ... ?"], ["If x + 5 = 12, what is x?", "solve x + 5 = 12"], ["Round 3.14159 to two decimals.", "3.14159 with 2 decimals"],
]  # fmt: skip

# What people say to an assistant besides asking, by occasion.
SMALL_TALK = {
    "greeting": ["Hi there!", "Hello", "Hi", "hi there", "Hey", "Hello!", "Good morning", "Good evening", "hey, are you there?", "hello, can you help me?", "Hi, how are you?"],
    "thanks": ["Thanks, that helped", "Thank you!", "thx", "Thanks a lot", "Great, thanks", "Perfect, thank you.", "That was useful, thanks", "cheers, that works now"],
    "who": ["Who are you?", "What are you?", "Are you a person?", "are you a bot", "What is your name?", "Introduce yourself.", "Am I talking to a machine?"],
    "skills": ["Can you help me with my code?", "What can you do?", "What can I ask you?", "How can you help me?", "help", "What are you good at?", "which programming languages do you know?", "Can you write code?"],
    "farewell": ["Bye", "Goodbye!", "See you tomorrow", "That's all for today", "ok bye", "I'm done, have a nice evening", "Talk to you later"],
    "praise": ["Good job!", "You are great", "nice answer", "Well explained", "wow, that was fast", "I like how you explain things"],
    "complaint": ["That was wrong, try again.", "That was wrong.", "This does not help me", "You misunderstood me", "that's not what I asked", "Your last answer was too long"],
    "mood": ["I'm tired of debugging", "I have been stuck all day", "My tests finally pass!", "I broke production", "I hate regular expressions", "today is my first day as a developer"],
    "advice": ["How do I become a better programmer?", "Which language should I learn first?", "How do I stay focused while coding?", "How do I ask a good question?",
               "How should I prepare for a coding interview?", "How do I estimate how long a task takes?", "How do I get better at reading code?"],
    "joke": ["Tell me a joke about programmers.", "Tell me a joke", "Tell me a programmer joke.", "Say something funny about bugs", "make me laugh", "a joke about off-by-one errors, please"],
    "ok": ["ok", "Okay.", "I see", "Makes sense", "Got it", "Understood, go on", "hm"],
    "check": ["Are you sure?", "Can you make mistakes?", "How do you know that?", "Can I trust your answers?", "Do you learn from what I type?"],
    "request": ["Can I ask you something?", "I have a question", "Do you have a minute?", "I need some help with programming", "Let's talk about code"],
    "trivia": ["Who wrote the first program?", "Why is it called a bug?", "Why do we count from zero?", "What does foo bar mean?", "Why are there so many programming languages?",
               "What was the first programming language?", "Why is Python called Python?"],
    "language": ["Do you speak German?", "Can you answer in short sentences?", "Please keep your answers short", "Explain things simply from now on", "Answer like I'm new to programming"],
}  # fmt: skip

# Things to be named or written in a line or two.
NAMING = [
    "a function that sends a reminder e-mail", "a variable that counts failed logins", "a class that holds the settings of a user", "a boolean that says whether a file was saved",
    "a function that turns a price into text", "a constant for the longest waiting time", "a service that resizes images", "a table of orders and their products",
    "a function that checks whether a user may delete a post", "an event that says that a payment arrived", "a helper that reads dates of many formats", "a test that an empty list is refused",
]  # fmt: skip
CHANGES = [
    "fixed a crash when the list of users was empty", "made the search twice as fast by caching results", "renamed a setting from timeout to timeoutSeconds", "removed support for an old file format",
    "added a dark mode", "moved the date functions to a module of their own", "updated all dependencies", "added tests for the login form", "corrected typing mistakes in the guide",
    "retry an upload three times before giving up", "close connections when the program ends", "show a warning when the disk is nearly full",
]  # fmt: skip

# Questions that are asked as they stand.
QUESTIONS = [
    "I am stuck. How do I start debugging?", "How do I name things well?", "How long should a function be?",
    "What makes a good commit message?", "How do I read a stack trace?", "How do I review somebody else's code?",
    "When should I write comments?", "What should a README contain?", "How do I say no to a feature?",
    "How do I find the slow part of a program?", "Is it worth learning Vim?", "Give me three names for a log viewer.",
    "Write the JSON for a person with a name and an age.", "What does HTTP 404 mean?", "What does HTTP 429 mean?",
    "What does `chmod 644` do?", "What does `grep -r` do?", "What does `git stash` do?", "How do I undo my last commit?",
    "How do I list all files larger than 10 MB in a folder?", "How do I find out which process listens on a port?",
    "How do I kill a process by its name?", "What does `x = x or []` do in Python?", "Why is 0.1 + 0.2 not 0.3?", "What does `await` do?",
    "What does the `?` operator do in Rust?", "What does `defer` do in Go?", "What does `final` mean in Java?",
    "What is `this` in JavaScript?", "How do I read a file line by line in Python?", "How do I sleep for a second in Go?",
]  # fmt: skip
