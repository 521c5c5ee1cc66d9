"""The system in first-order logic: what a state is, what must hold of it, and how it may change.

Plain SMT-LIB text in tables; generate.py makes files of it. A step says what must be so before it, and the
new meaning of each function that it changes. In an invariant that is to hold afterwards, the changed
functions are replaced by their new meanings; so nothing here says "before" or "after".

It follows src/protocol/rules.rs. The sorts are uninterpreted, so there is any number of everything. A sort
holds all that could ever be; predicates of the state say what is.
"""

SORTS = [
    ("Rm", "replica managers"),
    ("Fe", "front ends"),
    ("Id", "identifiers of updates"),
    ("Req", "requests of updates; several may bear one identifier"),
    ("Rec", "log records"),
    ("Msg", "gossip messages"),
    ("Say", "what front ends are told: replies, answers, words of other clients"),
]

# Never changes: name, arguments, result, meaning.
FIXED = [
    ("updatable", "Rm", "Bool", "it takes updates; the others are read-only"),
    ("fe", "Id", "Fe", "who issued it"),
    ("serial", "Id", "Int", "its number in the order of its front end"),
    ("id", "Req", "Id", "its name"),
    ("past", "Req Rm", "Int", "the request's prev, a timestamp"),
    ("ack", "Req", "Int", "below this serial, its front end says, all is finished"),
    ("saw", "Req Rec", "Bool", "its client had seen the record (for the statement only)"),
    ("req", "Rec", "Req", "the request that the record was made of"),
    ("org", "Rec", "Rm", "who made it"),
    ("ts", "Rec Rm", "Int", "its timestamp"),
    ("numbered", "Rm Int", "Rec", "a manager's record of this number, once there is one"),
    ("src", "Msg", "Rm", "the sender"),
    ("carries", "Msg Rec", "Bool", "the log that it brings"),
    ("claims", "Msg Rm", "Int", "the sender's replica timestamp"),
    ("complete", "Msg", "Bool", "not a fragment, or the last one"),
    ("relayed", "Msg Rm Rm", "Int", "the sender's timestamp table, or zeros"),
    ("tells", "Say Rec", "Bool", "what it lets its hearer see (for the statement only)"),
    ("tells_ts", "Say Rm", "Int", "its timestamp"),
]

# The state: name, arguments, result, value at the start, meaning.
STATE = [
    ("made", "Rec", "Bool", "false", "somebody made the record"),
    ("waits", "Rm Rec", "Bool", "false", "in the log, not executed"),
    ("ran", "Rm Rec", "Bool", "false", "was executed there (for the statement only)"),
    ("keeps", "Rm Rec", "Bool", "false", "in the log, executed"),
    ("replica_ts", "Rm Rm", "Int", "0", "for each origin, how many of its records were received"),
    ("value_ts", "Rm Rm", "Int", "0", "what the value reflects"),
    ("discarded", "Rm Rm", "Int", "0", "up to where records have left the log"),
    ("table", "Rm Rm Rm", "Int", "0", "the timestamp table: a row for each replica manager"),
    ("remembers", "Rm Id", "Bool", "false", "the executed table"),
    ("runs", "Rm Id", "Int", "0", "how often its operation ran there (for the statement only)"),
    ("finished", "Rm Fe", "Int", "0", "requests with a lower serial are refused"),
    ("gossip", "Msg", "Bool", "false", "it was sent; it may arrive never, later, and again"),
    ("asked", "Req", "Bool", "false", "it was sent; anyone may get it, never, later, and again"),
    ("said", "Say", "Bool", "false", "a reply, an answer, or what a client told another one"),
    ("session_ts", "Fe Rm", "Int", "0", "the front end's timestamp"),
    ("seen", "Fe Rec", "Bool", "false", "what its client has seen (for the statement only)"),
]

# Abbreviations: name, arguments, result, text.
MACROS = [
    ("max", "(x Int) (y Int)", "Int", "(ite (<= x y) y x)"),
    ("seq", "(r Rec)", "Int", "(ts r (org r))"),
    ("rid", "(r Rec)", "Id", "(id (req r))"),
    ("prev", "(r Rec) (c Rm)", "Int", "(past (req r) c)"),
    ("precedes", "(q Rec) (r Rec)", "Bool", "(forall ((c Rm)) (<= (ts q c) (prev r c)))"),
    ("finishes", "(a Rec) (x Id)", "Bool", "(and (= (fe (rid a)) (fe x)) (< (serial x) (ack (req a))))"),
    ("minds", "(i Rm) (j Rm)", "Bool", "(or (updatable i) (updatable j))"),
    ("received", "(i Rm) (r Rec)", "Bool", "(or (ran i r) (waits i r))"),
    ("in_log", "(i Rm) (r Rec)", "Bool", "(or (keeps i r) (waits i r))"),
    ("waits_for", "(i Rm) (x Id)", "Bool", "(exists ((r Rec)) (and (waits i r) (= (rid r) x)))"),
    ("known", "(i Rm) (x Id)", "Bool", """(or (< (serial x) (finished i (fe x)))
    (remembers i x) (waits_for i x))"""),
    ("stable", "(i Rm) (r Rec)", "Bool", "(forall ((c Rm)) (<= (prev r c) (value_ts i c)))"),
    ("settled", "(i Rm)", "Bool", "(forall ((r Rec)) (not (and (waits i r) (stable i r))))"),
]

# Given of the fixed functions.
GIVEN = [("prevs count", "(forall ((q Req) (c Rm)) (<= 0 (past q c)))")]

# The invariants: name, words, text.
INVARIANTS = [
    ("record", "a record is made of a request by a manager that takes updates; its timestamp is its past"
     " with one new update of that manager in it, which the manager has counted", """
(forall ((r Rec)) (=> (made r) (and (asked (req r)) (updatable (org r))
  (< (prev r (org r)) (seq r)) (<= (seq r) (replica_ts (org r) (org r)))
  (forall ((c Rm)) (=> (not (= c (org r))) (= (ts r c) (prev r c)))))))"""),
    ("name", "a manager makes one record under one number", """
(forall ((r Rec) (q Rec)) (=> (and (made r) (made q) (= (org r) (org q)) (= (seq r) (seq q))) (= r q)))"""),
    ("origin", "nobody has received more of a manager's records than that manager made", """
(forall ((i Rm) (c Rm)) (and (<= 0 (replica_ts i c)) (<= (replica_ts i c) (replica_ts c c))))"""),
    ("received", "a manager has received exactly the records that its replica timestamp counts", """
(forall ((i Rm) (r Rec)) (= (received i r) (and (made r) (<= (seq r) (replica_ts i (org r))))))"""),
    ("value", "the value timestamp is within the replica timestamp", """
(forall ((i Rm) (c Rm)) (and (<= 0 (value_ts i c)) (<= (value_ts i c) (replica_ts i c))))"""),
    ("reflected", "the value timestamp covers what was executed", """
(forall ((i Rm) (r Rec) (c Rm)) (=> (ran i r) (<= (ts r c) (value_ts i c))))"""),
    ("waiting", "what waits was not executed", """
(forall ((i Rm) (r Rec)) (not (and (ran i r) (waits i r))))"""),
    ("causal", "causal order: when a record has run, all that it builds on has run before", """
(forall ((i Rm) (r Rec) (q Rec)) (=> (and (ran i r) (made q) (precedes q r)) (ran i q)))"""),
    ("log", "of what was executed, the log holds exactly what was not discarded", """
(forall ((i Rm) (r Rec)) (= (keeps i r) (and (ran i r) (< (discarded i (org r)) (seq r)))))"""),
    ("undiscarded", "what waits was not discarded", """
(forall ((i Rm) (r Rec)) (=> (waits i r) (< (discarded i (org r)) (seq r))))"""),
    ("collected", "what was discarded has been received by every manager that may need it from here", """
(forall ((i Rm) (j Rm) (c Rm)) (=> (or (= i j) (minds i j)) (<= (discarded i c) (replica_ts j c))))"""),
    ("table", "no row of a timestamp table is ahead of the manager that it is about", """
(forall ((i Rm) (j Rm) (c Rm)) (<= (table i j c) (replica_ts j c)))"""),
    ("brought", "gossip carries records that were made", """
(forall ((m Msg) (r Rec)) (=> (and (gossip m) (carries m r)) (made r)))"""),
    ("claimed", "a complete message claims no more than its sender holds, and relays no more than others"
     " hold", """
(forall ((m Msg) (j Rm) (c Rm)) (=> (and (gossip m) (complete m))
  (and (<= (claims m c) (replica_ts (src m) c)) (<= (relayed m j c) (replica_ts j c)))))"""),
    ("finished", "a manager refuses what the records that it has received say is finished", """
(forall ((i Rm) (r Rec)) (=> (received i r) (<= (ack (req r)) (finished i (fe (rid r))))))"""),
    ("once", "no update runs twice at a manager; each record executed stands for an update that ran", """
(forall ((i Rm)) (and (forall ((x Id)) (and (<= 0 (runs i x)) (<= (runs i x) 1)))
  (forall ((r Rec)) (=> (ran i r) (= (runs i (rid r)) 1)))))"""),
    ("remembered", "what the executed table holds has run", """
(forall ((i Rm) (x Id)) (=> (remembers i x) (= (runs i x) 1)))"""),
    ("refused", "what was forgotten from an executed table is refused by every manager that takes"
     " updates", """
(forall ((i Rm) (x Id) (k Rm)) (=> (and (= (runs i x) 1) (not (remembers i x)) (updatable k))
  (< (serial x) (finished k (fe x)))))"""),
    ("forgotten", "what was forgotten has run in all its records", """
(forall ((i Rm) (r Rec)) (=> (and (= (runs i (rid r)) 1) (not (remembers i (rid r))) (made r))
  (ran i r)))"""),
    ("table closed", "if by the table a manager holds what finishes an identifier, every record that it made"
     " of that identifier has come", """
(forall ((i Rm) (a Rec) (r Rec)) (=> (and (made a) (made r) (finishes a (rid r))
  (<= (seq a) (table i (org r) (org a)))) (<= (seq r) (replica_ts i (org r)))))"""),
    ("discarded closed", "the same of what was discarded, from which the table starts after a crash", """
(forall ((i Rm) (a Rec) (r Rec)) (=> (and (made a) (made r) (finishes a (rid r))
  (<= (seq a) (discarded i (org a)))) (<= (seq r) (replica_ts i (org r)))))"""),
    ("claim closed", "the same of what a complete message teaches, for who holds what it claims", """
(forall ((m Msg) (a Rec) (r Rec)) (=> (and (gossip m) (complete m) (made a) (made r) (finishes a (rid r))
  (or (<= (seq a) (relayed m (org r) (org a))) (and (= (src m) (org r)) (<= (seq a) (claims m (org a))))))
  (<= (seq r) (claims m (org r)))))"""),
    ("request saw", "a request's prev covers what its client had seen", """
(forall ((q Req) (r Rec)) (=> (and (asked q) (saw q r))
  (and (made r) (forall ((c Rm)) (<= (ts r c) (past q c))))))"""),
    ("session saw", "a front end's timestamp covers what its client has seen", """
(forall ((f Fe) (r Rec)) (=> (seen f r) (and (made r) (forall ((c Rm)) (<= (ts r c) (session_ts f c))))))"""),
    ("told", "the timestamp of what is told covers what it lets see", """
(forall ((s Say) (r Rec)) (=> (and (said s) (tells s r))
  (and (made r) (forall ((c Rm)) (<= (ts r c) (tells_ts s c))))))"""),
]

# What holds besides. Assumed only where a file says so, since examples are harder to find with it.
# As long as no front end lies:
HONEST = [
    ("real past", "no timestamp that a client sent, holds or was told counts updates that do not exist", """
(and (forall ((q Req) (c Rm)) (=> (asked q) (<= (past q c) (replica_ts c c))))
  (forall ((f Fe) (c Rm)) (<= (session_ts f c) (replica_ts c c)))
  (forall ((s Say) (c Rm)) (=> (said s) (<= (tells_ts s c) (replica_ts c c)))))"""),
    ("whole past", "such a timestamp, and a value's, covers in full the last record that it counts of each"
     " manager", """
(forall ((r Rec) (c Rm)) (=> (made r) (and
  (forall ((q Req)) (=> (and (asked q) (= (past q (org r)) (seq r))) (<= (ts r c) (past q c))))
  (forall ((f Fe)) (=> (= (session_ts f (org r)) (seq r)) (<= (ts r c) (session_ts f c))))
  (forall ((s Say)) (=> (and (said s) (= (tells_ts s (org r)) (seq r))) (<= (ts r c) (tells_ts s c))))
  (forall ((i Rm)) (=> (= (value_ts i (org r)) (seq r)) (<= (ts r c) (value_ts i c)))))))"""),
]
# And always:
NUMBERS = [
    ("every number", "every number that a manager has counted is that of a record", """
(forall ((c Rm) (n Int)) (! (=> (and (< 0 n) (<= n (replica_ts c c)))
  (and (made (numbered c n)) (= (org (numbered c n)) c) (= (seq (numbered c n)) n)))
  :pattern ((numbered c n))))"""),
]
