"""A drawing of its own: one replica manager is replaced by a new one with an entry of its own.

Its directory is lost for good, or an old copy of it may still run somewhere: so the old one acts on, in every
step, whatever was decided. The others each record the replacement durably ("freeze"): from then on they hear only
whoever has recorded it too, ask the new one before they discard anything, and the old one no more. The
new one takes a copy of one survivor's replica when all survivors have recorded it, and acts from then on.

Here are numbers only: which records were received (all up to the replica timestamp), discarded, and what the
table says. That records run, and when, adds guards to "discard" and nothing else. Tables are not relayed.
"""

SORTS = [
    ("Rm", "replica managers"),
    ("Rec", "log records"),
    ("Msg", "gossip messages, complete ones: fragments teach nothing"),
]
FIXED = [
    ("old", "", "Rm", "the one that is replaced"),
    ("new", "", "Rm", "the one that comes"),
    ("org", "Rec", "Rm", "who made it"),
    ("seq", "Rec", "Int", "its number there"),
    ("finishes", "Rec Rec", "Bool", "the first acknowledges the update of the second"),
    ("src", "Msg", "Rm", "the sender"),
    ("claims", "Msg Rm", "Int", "the sender's replica timestamp"),
    ("late", "Msg", "Bool", "its sender had recorded the replacement"),
]
STATE = [
    ("made", "Rec", "Bool", "false", "somebody made the record"),
    ("replica_ts", "Rm Rm", "Int", "0", "for each origin, how many of its records were received"),
    ("discarded", "Rm Rm", "Int", "0", "up to where records have left the log"),
    ("table", "Rm Rm Rm", "Int", "0", "the timestamp table"),
    ("gossip", "Msg", "Bool", "false", "it was sent; it may arrive never, later, and again"),
    ("frozen", "Rm", "Bool", "false", "has recorded the replacement"),
    ("came", "", "Bool", "false", "the new one has its copy"),
    ("bound", "Rm", "Int", "0", "how many of the old one's records it held when it froze"),
    ("most", "", "Int", "0", "the greatest of these"),
    ("last", "", "Rm", "old", "whose that is (the old one's, if nobody's)"),
]
MACROS = [
    ("max", "(x Int) (y Int)", "Int", "(ite (<= x y) y x)"),
    ("survivor", "(i Rm)", "Bool", "(and (not (= i old)) (not (= i new)))"),
    ("acts", "(i Rm)", "Bool", "(or (not (= i new)) came)"),
    ("member", "(i Rm)", "Bool", "(and (acts i) (=> came (not (= i old))))"),
    ("received", "(i Rm) (r Rec)", "Bool", "(<= (seq r) (replica_ts i (org r)))"),
    ("asks", "(i Rm) (j Rm)", "Bool",
     "(and (not (= i j)) (ite (frozen i) (not (= j old)) (not (= j new))))"),
    ("hears", "(i Rm) (m Msg)", "Bool", "(= (late m) (frozen i))"),
    ("counts", "(r Rec)", "Bool", "(=> (and came (= (org r) old)) (<= (seq r) most))"),
    ("forgot", "(i Rm) (r Rec)", "Bool", """(exists ((a Rec))
    (and (made a) (finishes a r) (<= (seq a) (discarded i (org a)))))"""),
]
GIVEN = [("two", "(not (= old new))")]

INVARIANTS = [
    ("record", "a record has a number that its maker has counted", """
(forall ((r Rec)) (=> (made r) (and (< 0 (seq r)) (<= (seq r) (replica_ts (org r) (org r))))))"""),
    ("name", "a manager makes one record under one number", """
(forall ((r Rec) (q Rec)) (=> (and (made r) (made q) (= (org r) (org q)) (= (seq r) (seq q))) (= r q)))"""),
    ("origin", "nobody has received more of a manager's records than that manager made", """
(forall ((i Rm) (c Rm)) (and (<= 0 (replica_ts i c)) (<= (replica_ts i c) (replica_ts c c))))"""),
    ("discarded", "only what was received is discarded", """
(forall ((i Rm) (c Rm)) (and (<= 0 (discarded i c)) (<= (discarded i c) (replica_ts i c))))"""),
    ("absent", "before the new one comes, it has nothing, nobody froze for it, and the old one never does", """
(and (not (frozen old)) (=> (not came) (and (not (frozen new)) (forall ((c Rm)) (= (replica_ts new c) 0)))))"""),
    ("confirmed", "when the new one has come, all but the old one have recorded it", """
(=> came (forall ((i Rm)) (=> (not (= i old)) (frozen i))))"""),
    ("collected", "what a member has discarded, every member has received, the new one too", """
(forall ((i Rm) (j Rm) (c Rm)) (=> (and (member i) (member j)) (<= (discarded i c) (replica_ts j c))))"""),
    ("table", "no row of a member's table is ahead of the manager that it is about, but for the replaced one's", """
(forall ((i Rm) (j Rm) (c Rm)) (and (<= 0 (table i j c))
  (=> (and (member i) (=> came (not (= j old)))) (<= (table i j c) (replica_ts j c)))))"""),
    ("claimed", "a message claims no more than its sender holds", """
(forall ((m Msg) (c Rm)) (=> (gossip m) (<= (claims m c) (replica_ts (src m) c))))"""),
    ("late", "only who has recorded the replacement says so, and then claims all that it held of the old"
     " one's records", """
(forall ((m Msg)) (=> (and (gossip m) (late m)) (and (frozen (src m))
  (=> (survivor (src m)) (<= (bound (src m)) (claims m old))))))"""),
    ("bounded", "whoever froze still holds what it held of the old one's records, and nobody who froze holds"
     " more of them than somebody held when it froze", """
(and (<= 0 most) (<= most (replica_ts old old))
  (=> (not (= last old)) (and (survivor last) (frozen last) (= (bound last) most)))
  (forall ((i Rm)) (=> (frozen i) (and (<= (replica_ts i old) most) (not (= last old))
    (=> (survivor i) (<= (bound i) (replica_ts i old)))))))"""),
    ("unheard", "of a survivor that has not frozen, one that has knows only what it discarded", """
(forall ((i Rm) (j Rm) (c Rm)) (=> (and (survivor i) (frozen i) (not came) (not (frozen j)) (survivor j))
  (<= (table i j c) (discarded i c))))"""),
    ("claim closed", "who claims what finishes an update claims every record that it made of it", """
(forall ((m Msg) (a Rec) (r Rec)) (=> (and (gossip m) (made a) (made r) (finishes a r) (= (src m) (org r))
  (<= (seq a) (claims m (org a)))) (<= (seq r) (claims m (org r)))))"""),
    ("table closed", "if by the table a manager holds what finishes an update, every record that it made of it"
     " has come, but for the replaced one's", """
(forall ((i Rm) (a Rec) (r Rec)) (=> (and (member i) (made a) (made r) (finishes a r)
  (=> came (not (= (org r) old))) (<= (seq a) (table i (org r) (org a)))) (received i r)))"""),
    ("rescued", "of the old one's records, the same follows from what the table says of a survivor that held"
     " them when it froze", """
(forall ((i Rm) (u Rm) (a Rec) (r Rec)) (=> (and (member i) (frozen i) (survivor u) (frozen u) (made a) (made r)
  (finishes a r) (= (org r) old) (<= (seq r) (bound u)) (<= (seq a) (table i u (org a)))) (received i r)))"""),
    ("discarded closed", "when what finishes an update was discarded, all its records have come that may ever"
     " come", """
(forall ((i Rm) (a Rec) (r Rec)) (=> (and (member i) (made a) (made r) (finishes a r) (counts r)
  (<= (seq a) (discarded i (org a)))) (received i r)))"""),
]

COUNTS = ("replica_ts", "(i Rm) (c Rm)", "(ite (and (= i me) (= c (org r))) (seq r) (replica_ts i c))")
# What a manager knows of others when it starts: what it discarded, they held; but the new one had nothing.
RESTARTS = ("table", "(i Rm) (j Rm) (c Rm)", "(ite (= i me) (ite (= j new) 0 (discarded i c)) (table i j c))")

STEPS = {
    "accept": dict(
        words="a manager makes a record, unless the update is finished by one that it has received",
        consts="me:Rm r:Rec",
        guards=[
            ("acts", "(acts me)"),
            ("new", "(and (not (made r)) (= (org r) me) (= (seq r) (+ 1 (replica_ts me me))))"),
            ("unfinished", "(forall ((a Rec)) (not (and (made a) (finishes a r) (received me a))))"),
        ],
        changes=[("made", "(q Rec)", "(or (made q) (= q r))"), COUNTS],
        interest="(and came (= me new))"),
    "take": dict(
        words="a manager takes the next record of its origin from a message that it hears",
        consts="me:Rm m:Msg r:Rec",
        guards=[
            ("acts", "(acts me)"),
            ("sent", "(and (gossip m) (made r) (<= (seq r) (claims m (org r))))"),
            ("fence", "(hears me m)"),
            ("next", "(= (seq r) (+ 1 (replica_ts me (org r))))"),
        ],
        changes=[COUNTS],
        interest="(and (frozen me) (= (org r) old))"),
    "send": dict(
        words="a manager says what it holds, and whether it has recorded the replacement",
        consts="me:Rm m:Msg",
        guards=[
            ("acts", "(acts me)"),
            ("new", "(and (not (gossip m)) (= (src m) me) (= (late m) (frozen me)))"),
            ("claims", "(forall ((c Rm)) (= (claims m c) (replica_ts me c)))"),
        ],
        changes=[("gossip", "(n Msg)", "(or (gossip n) (= n m))")],
        interest="(and came (= me new))"),
    "learn": dict(
        words="a manager that holds all that a message claims learns what its sender holds",
        consts="me:Rm m:Msg",
        guards=[
            ("acts", "(acts me)"),
            ("sent", "(gossip m)"),
            ("fence", "(hears me m)"),
            ("covered", "(forall ((c Rm)) (<= (claims m c) (replica_ts me c)))"),
        ],
        changes=[("table", "(i Rm) (j Rm) (c Rm)", """(ite (and (= i me) (= j (src m)))
    (max (table i j c) (claims m c)) (table i j c))""")],
        interest="(and came (= (src m) new) (exists ((c Rm)) (< 0 (claims m c))))"),
    "discard": dict(
        words="a manager discards what all hold whom it asks; with it goes what it says is finished",
        consts="me:Rm upto:Rm->Int",
        guards=[
            ("acts", "(acts me)"),
            ("received", "(forall ((c Rm)) (<= (upto c) (replica_ts me c)))"),
            ("held", "(forall ((j Rm) (c Rm)) (=> (asks me j) (<= (upto c) (table me j c))))"),
        ],
        changes=[("discarded", "(i Rm) (c Rm)",
                  "(ite (= i me) (max (discarded i c) (upto c)) (discarded i c))")],
        interest="(and came (survivor me) (< (discarded me old) (upto old)))"),
    "restart": dict(
        words="a manager crashes; of its table remains what was discarded, of the new one nothing",
        consts="me:Rm",
        guards=[("acts", "(acts me)")],
        changes=[RESTARTS],
        interest="(and came (survivor me) (exists ((c Rm)) (< 0 (discarded me c))))"),
    "freeze": dict(
        words="a survivor records the replacement, and starts again",
        consts="me:Rm",
        guards=[("survivor", "(and (survivor me) (not (frozen me)))")],
        changes=[
            ("frozen", "(i Rm)", "(or (frozen i) (= i me))"),
            ("bound", "(i Rm)", "(ite (= i me) (replica_ts i old) (bound i))"),
            ("most", "", "(ite (or (= last old) (< most (replica_ts me old))) (replica_ts me old) most)"),
            ("last", "", "(ite (or (= last old) (< most (replica_ts me old))) me last)"),
            RESTARTS,
        ],
        interest="(and (< 0 (discarded me old)) (exists ((i Rm)) (frozen i)))"),
    "copy": dict(
        words="the new one takes a copy of a survivor's replica when all survivors have recorded it",
        consts="me:Rm",
        guards=[
            ("once", "(and (not came) (survivor me))"),
            ("all", "(forall ((i Rm)) (=> (survivor i) (frozen i)))"),
        ],
        changes=[
            ("came", "", "true"),
            ("frozen", "(i Rm)", "(or (frozen i) (= i new))"),
            ("replica_ts", "(i Rm) (c Rm)", "(ite (= i new) (replica_ts me c) (replica_ts i c))"),
            ("discarded", "(i Rm) (c Rm)", "(ite (= i new) (discarded me c) (discarded i c))"),
            ("table", "(i Rm) (j Rm) (c Rm)", "(ite (= i new) (discarded me c) (ite (= j new) 0 (table i j c)))"),
        ],
        interest="(exists ((c Rm)) (and (< 0 (discarded me c)) (< (discarded me c) (replica_ts me c))))"),
}

FOLLOWS = {
    "held for the new one": dict(
        words="what any member lacks, the new one among them, is in the log of every member that has it",
        consts="i:Rm j:Rm r:Rec",
        given=[("members", "(and (member i) (member j) (made r))"),
               ("has and lacks", "(and (received i r) (not (received j r)))")],
        then="(< (discarded i (org r)) (seq r))"),
    "forgotten is refused": dict(
        words="what a member has forgotten, every member refuses, the new one too",
        consts="i:Rm k:Rm r:Rec",
        given=[("members", "(and (member i) (member k))"), ("forgot", "(forgot i r)")],
        then="(exists ((a Rec)) (and (made a) (finishes a r) (received k a)))"),
    "forgotten has come": dict(
        words="when a member has forgotten an update, every record of it that any member has, or will make, came",
        consts="i:Rm j:Rm r:Rec",
        given=[("members", "(and (member i) (member j) (made r))"), ("forgot", "(forgot i r)"),
               ("there", "(received j r)")],
        then="(received i r)"),
}

# name: words, step, the invariant it breaks, guards left out or replaced, changes replaced, invariants that are
# not assumed since the bug undoes them.
CONTROLS = {
    "copies before all confirmed": dict(
        words="a survivor that has not recorded the replacement does not ask the new one", step="discard",
        breaks="collected", without=["confirmed"]),
    "confirms without all": dict(
        words="the copy does not wait for all survivors", step="copy", breaks="confirmed", guards={"all": None}),
    "no fence for records": dict(
        words="the old one is still heard", step="take", breaks="bounded", guards={"fence": None}),
    "no fence for tables": dict(
        words="what a survivor said before it recorded the replacement still teaches", step="learn",
        breaks="rescued", guards={"fence": None}),
    "keeps the old row": dict(
        words="what was known of the old one is taken for known of the new one", step="freeze", breaks="table",
        changes={"table": "(ite (= i me) (discarded i c) (table i j c))"}),
    "keeps the old row after a crash": dict(
        words="the same when a survivor starts again", step="restart", breaks="table",
        changes={"table": "(ite (= i me) (discarded i c) (table i j c))"}),
    "keeps the old entry": dict(
        words="the new one goes on with the old one's numbers, from its copy", step="accept", breaks="name",
        guards={"acts": "(and came (= me new))",
                "new": "(and (not (made r)) (= (org r) old) (= (seq r) (+ 1 (replica_ts me old))))"}),
    "does not ask the new one": dict(
        words="members discard without the new one", step="discard", breaks="collected",
        guards={"held": """(forall ((j Rm) (c Rm)) (=> (and (asks me j) (not (= j new)))
    (<= (upto c) (table me j c))))"""}),
    "copies less than was discarded": dict(
        words="the copy is an older one of the survivor's", step="copy", breaks="collected", consts=" from:Rm->Int",
        more=[("older", "(forall ((c Rm)) (and (<= 0 (from c)) (<= (from c) (replica_ts me c))))")],
        changes={"replica_ts": "(ite (= i new) (from c) (replica_ts i c))",
                 "discarded": "(ite (= i new) 0 (discarded i c))",
                 "table": "(ite (= i new) 0 (ite (= j new) 0 (table i j c)))"}),
}
