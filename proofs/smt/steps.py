"""How a state may change: the steps of the protocol. Each handler of src/protocol is a sequence of them.

They are more generous than the handlers, which only adds states: records run one at a time and others act
in between, messages reach anyone, gossip is cut at will, and as little as one likes of what may be discarded
is discarded.
"""

WAITS = ("waits", "(i Rm) (r Rec)", "(or (waits i r) (and (= i me) (= r new)))")
COUNTS = ("replica_ts", "(i Rm) (c Rm)", "(ite (and (= i me) (= c (org new))) (seq new) (replica_ts i c))")
FINISHES = ("finished", "(i Rm) (f Fe)", """(ite (and (= i me) (= f (fe (rid new))))
    (max (finished i f) (ack (req new))) (finished i f))""")

# name: words, constants, guards (name, text), changes (function, arguments, new meaning), and what makes an
# occurrence of the step worth seeing (for the file that shows that it can happen).
STEPS = {
    "accept": dict(
        words="a manager makes a record of a request",
        consts="me:Rm new:Rec",
        guards=[
            ("new", "(and (not (made new)) (= (org new) me))"),
            ("sent", "(asked (req new))"),
            ("updatable", "(updatable me)"),
            ("unknown", "(not (known me (rid new)))"),
            ("plausible", "(<= (prev new me) (replica_ts me me))"),
            ("counts", "(= (seq new) (+ 1 (replica_ts me me)))"),
            ("numbered", "(= (numbered me (seq new)) new)"),
            ("stamp", "(forall ((c Rm)) (=> (not (= c me)) (= (ts new c) (prev new c))))"),
        ],
        changes=[("made", "(r Rec)", "(or (made r) (= r new))"), WAITS, COUNTS, FINISHES],
        interest="(exists ((r Rec)) (ran me r))",
    ),
    "take": dict(
        words="a manager takes a record from gossip: the next one of its origin, within what the"
              " message claims",
        consts="me:Rm m:Msg new:Rec",
        guards=[
            ("sent", "(and (gossip m) (carries m new))"),
            ("next", "(= (seq new) (+ 1 (replica_ts me (org new))))"),
            ("claimed", "(<= (seq new) (claims m (org new)))"),
        ],
        changes=[WAITS, COUNTS, FINISHES],
        interest="(exists ((r Rec)) (and (ran me r) (= (org r) (org new))))",
    ),
    "execute": dict(
        words="a manager executes a waiting record that is stable and that no waiting one precedes",
        consts="me:Rm new:Rec",
        guards=[
            ("waits", "(waits me new)"),
            ("stable", "(stable me new)"),
            ("first", "(forall ((q Rec)) (not (and (waits me q) (precedes q new))))"),
        ],
        changes=[
            ("waits", "(i Rm) (r Rec)", "(and (waits i r) (not (and (= i me) (= r new))))"),
            ("ran", "(i Rm) (r Rec)", "(or (ran i r) (and (= i me) (= r new)))"),
            ("keeps", "(i Rm) (r Rec)", "(or (keeps i r) (and (= i me) (= r new)))"),
            ("value_ts", "(i Rm) (c Rm)", "(ite (= i me) (max (value_ts i c) (ts new c)) (value_ts i c))"),
            ("runs", "(i Rm) (x Id)", """(ite (and (= i me) (= x (rid new)) (not (remembers me x)))
    (+ 1 (runs i x)) (runs i x))"""),
            ("remembers", "(i Rm) (x Id)", "(or (remembers i x) (and (= i me) (= x (rid new))))"),
        ],
        interest="(exists ((r Rec)) (and (ran me r) (precedes r new)))",
    ),
    "learn": dict(
        words="a manager that holds all that a complete message claims learns what the sender and others"
              " hold",
        consts="me:Rm m:Msg",
        guards=[
            ("sent", "(gossip m)"),
            ("complete", "(complete m)"),
            ("covered", "(forall ((c Rm)) (<= (claims m c) (replica_ts me c)))"),
        ],
        changes=[("table", "(i Rm) (j Rm) (c Rm)", """(ite (= i me) (max (relayed m j c)
    (ite (= j (src m)) (max (table i j c) (claims m c)) (table i j c))) (table i j c))""")],
        interest="(exists ((c Rm)) (< (table me (src m) c) (claims m c)))",
    ),
    "discard": dict(
        words="a manager discards what ran here and what, by its table, all who may need it hold; it forgets"
              " what the discarded records say is finished, unless a record of it waits",
        consts="me:Rm upto:Rm->Int",
        guards=[
            ("executed", "(forall ((r Rec)) (=> (waits me r) (< (upto (org r)) (seq r))))"),
            ("received", "(forall ((c Rm)) (<= (upto c) (replica_ts me c)))"),
            ("held", """(forall ((j Rm) (c Rm)) (=> (and (not (= j me)) (minds me j))
    (<= (upto c) (table me j c))))"""),
        ],
        changes=[
            ("discarded", "(i Rm) (c Rm)", "(ite (= i me) (max (discarded i c) (upto c)) (discarded i c))"),
            ("keeps", "(i Rm) (r Rec)", "(and (keeps i r) (not (and (= i me) (<= (seq r) (upto (org r))))))"),
            ("remembers", "(i Rm) (x Id)", """(and (remembers i x) (not (and (= i me)
    (exists ((r Rec)) (and (keeps me r) (<= (seq r) (upto (org r))) (finishes r x)))
    (not (waits_for me x)))))"""),
        ],
        interest="""(exists ((r Rec) (x Id) (j Rm)) (and (keeps me r) (<= (seq r) (upto (org r)))
  (finishes r x) (remembers me x) (not (waits_for me x)) (not (= j me)) (updatable j)))""",
    ),
    "restart": dict(
        words="a manager crashes; of its table remains what can be read off the log",
        consts="me:Rm",
        guards=[],
        changes=[("table", "(i Rm) (j Rm) (c Rm)",
                  "(ite (= i me) (ite (minds i j) (discarded i c) 0) (table i j c))")],
        interest="(exists ((j Rm) (c Rm)) (and (< 0 (discarded me c)) (< (discarded me c) (table me j c))))",
    ),
    "send": dict(
        words="a manager sends gossip: any part of its log; the whole truth of timestamps if marked complete",
        consts="me:Rm m:Msg",
        guards=[
            ("new", "(and (not (gossip m)) (= (src m) me))"),
            ("log", "(forall ((r Rec)) (=> (carries m r) (in_log me r)))"),
            ("claims", "(=> (complete m) (forall ((c Rm)) (= (claims m c) (replica_ts me c))))"),
            ("relays", """(=> (complete m) (forall ((j Rm) (c Rm))
    (or (= (relayed m j c) 0) (= (relayed m j c) (table me j c)))))"""),
        ],
        changes=[("gossip", "(n Msg)", "(or (gossip n) (= n m))")],
        interest="""(and (complete m)
  (exists ((r Rec) (j Rm)) (and (carries m r) (< 0 (relayed m j (org r))))))""",
    ),
    "ask": dict(
        words="a front end sends an update: with its own timestamp, or with any other (it lies)",
        consts="f:Fe q:Req",
        guards=[
            ("new", "(and (not (asked q)) (= (fe (id q)) f))"),
            ("prev", """(or (forall ((r Rec)) (not (saw q r)))
    (and (forall ((c Rm)) (= (past q c) (session_ts f c))) (forall ((r Rec)) (=> (saw q r) (seen f r)))))"""),
        ],
        changes=[("asked", "(p Req)", "(or (asked p) (= p q))")],
        interest="(exists ((r Rec)) (saw q r))",
    ),
    "reply": dict(
        words="a manager tells of records that it has received, under a timestamp that covers them",
        consts="me:Rm s:Say",
        guards=[
            ("new", "(not (said s))"),
            ("covers", """(forall ((r Rec)) (=> (tells s r)
    (and (received me r) (forall ((c Rm)) (<= (ts r c) (tells_ts s c))))))"""),
        ],
        changes=[("said", "(n Say)", "(or (said n) (= n s))")],
        interest="(exists ((r Rec)) (and (tells s r) (waits me r)))",
    ),
    "answer": dict(
        words="a manager answers a query: with all that it executed, under its value timestamp",
        consts="me:Rm s:Say",
        guards=[
            ("new", "(not (said s))"),
            ("value", "(forall ((r Rec)) (= (tells s r) (ran me r)))"),
            ("value ts", "(forall ((c Rm)) (= (tells_ts s c) (value_ts me c)))"),
        ],
        changes=[("said", "(n Say)", "(or (said n) (= n s))")],
        interest="(exists ((r Rec)) (tells s r))",
    ),
    "tell": dict(
        words="a client tells another one what it has seen, and its timestamp",
        consts="f:Fe s:Say",
        guards=[
            ("new", "(not (said s))"),
            ("seen", "(forall ((r Rec)) (= (tells s r) (seen f r)))"),
            ("session ts", "(forall ((c Rm)) (= (tells_ts s c) (session_ts f c)))"),
        ],
        changes=[("said", "(n Say)", "(or (said n) (= n s))")],
        interest="(exists ((r Rec)) (tells s r))",
    ),
    "hear": dict(
        words="a front end hears a reply, an answer, or another client",
        consts="f:Fe s:Say",
        guards=[("sent", "(said s)")],
        changes=[
            ("seen", "(g Fe) (r Rec)", "(or (seen g r) (and (= g f) (tells s r)))"),
            ("session_ts", "(g Fe) (c Rm)", """(ite (= g f)
    (max (session_ts g c) (tells_ts s c)) (session_ts g c))"""),
        ],
        interest="(exists ((r Rec)) (and (tells s r) (not (seen f r))))",
    ),
    "lose": dict(
        words="a front end loses its state",
        consts="f:Fe",
        guards=[],
        changes=[
            ("seen", "(g Fe) (r Rec)", "(and (seen g r) (not (= g f)))"),
            ("session_ts", "(g Fe) (c Rm)", "(ite (= g f) 0 (session_ts g c))"),
        ],
        interest="(exists ((r Rec)) (seen f r))",
    ),
}

# Further guards if no front end lies. Replies are then as exact as the code's; nothing else needs them to be.
TRUTHFUL = {
    "ask": ("truth", "(forall ((c Rm)) (= (past q c) (session_ts f c)))"),
    "reply": ("merged", """(forall ((c Rm)) (or (= (tells_ts s c) 0)
    (exists ((r Rec)) (and (tells s r) (= (ts r c) (tells_ts s c))))))"""),
}
