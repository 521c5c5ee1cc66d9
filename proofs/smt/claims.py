"""What follows from the invariants in any one state, and the controls: seeded bugs that must be refuted."""

# A smaller past weighs less.
WEIGHTS = """(forall ((p Req) (q Req)) (=> (and (forall ((c Rm)) (<= (past p c) (past q c)))
    (exists ((c Rm)) (< (past p c) (past q c)))) (< (weight p) (weight q))))"""

# name: words, constants, hypotheses (name, text), conclusion; and which further invariants are assumed.
FOLLOWS = {
    "session order": dict(
        words="causal order by what clients saw, without timestamps: when a record has run, all that"
              " its client had seen has run",
        consts="i:Rm r:Rec q:Rec",
        given=[("ran", "(ran i r)"), ("saw", "(saw (req r) q)")],
        then="(ran i q)",
    ),
    "exact value": dict(
        words="when nothing stable waits, as after every handler, the value reflects exactly what its"
              " timestamp covers",
        consts="i:Rm r:Rec",
        given=[("settled", "(settled i)")],
        then="(= (ran i r) (and (made r) (forall ((c Rm)) (<= (ts r c) (value_ts i c)))))",
    ),
    "equal values": dict(
        words="two managers with equal value timestamps, where nothing stable waits, have executed the same"
              " records",
        consts="i:Rm j:Rm r:Rec",
        given=[("settled", "(and (settled i) (settled j))"),
               ("equal", "(forall ((c Rm)) (= (value_ts i c) (value_ts j c)))")],
        then="(= (ran i r) (ran j r))",
    ),
    "reads": dict(
        words="a query that its value timestamp allows a manager to answer finds executed all that its client"
              " has seen",
        consts="i:Rm f:Fe r:Rec",
        given=[("settled", "(settled i)"), ("seen", "(seen f r)"),
               ("may answer", "(forall ((c Rm)) (<= (session_ts f c) (value_ts i c)))")],
        then="(ran i r)",
    ),
    "discarded is held": dict(
        words="a record that has left a log has been received by every manager that may need it from there",
        consts="i:Rm j:Rm r:Rec",
        given=[("left", "(and (received i r) (not (in_log i r)))"), ("minds", "(minds i j)")],
        then="(received j r)",
    ),
    "origin resends": dict(
        words="a record that anyone still lacks is in its origin's log",
        consts="i:Rm r:Rec",
        given=[("lacks", "(and (made r) (not (received i r)))")],
        then="(in_log (org r) r)",
    ),
    "forgotten is refused": dict(
        words="an update that ran and was forgotten: no manager that takes updates would make a record of it",
        consts="i:Rm k:Rm x:Id",
        given=[("forgot", "(and (= (runs i x) 1) (not (remembers i x)))"), ("updatable", "(updatable k)")],
        then="(known k x)",
    ),
    "unique timestamps": dict(
        words="if no front end lies, no two records have equal timestamps",
        consts="r:Rec q:Rec", also=["real past", "whole past"],
        given=[("made", "(and (made r) (made q))"), ("equal", "(forall ((c Rm)) (= (ts r c) (ts q c)))")],
        then="(= r q)",
    ),
    "nothing stuck": dict(
        words="if no front end lies: of the waiting records of whose past everything has been received, one"
              " with the lightest past is stable (in any entry c); so while there is any, something can run",
        consts="i:Rm r:Rec c:Rm named:Rec->Bool weight:Req->Int",
        also=["real past", "whole past", "every number"],
        given=[
            ("weights", WEIGHTS),
            ("received", "(and (waits i r) (forall ((c Rm)) (<= (prev r c) (replica_ts i c))))"),
            ("lightest", """(forall ((q Rec)) (=> (and (waits i q)
    (forall ((c Rm)) (<= (prev q c) (replica_ts i c)))) (<= (weight (req r)) (weight (req q)))))"""),
            # Says nothing: it makes solvers think of this record.
            ("the record that would be missing", "(named (numbered c (prev r c)))"),
        ],
        then="(<= (prev r c) (value_ts i c))",
    ),
    "rank": dict(
        words="the code's order is legal: of the stable records, one with the lightest past is preceded by no"
              " waiting one (of weights, it is used only that a smaller past weighs less)",
        consts="i:Rm r:Rec weight:Req->Int",
        given=[
            ("weights", WEIGHTS),
            ("stable", "(and (waits i r) (stable i r))"),
            ("lightest", """(forall ((q Rec)) (=> (and (waits i q) (stable i q))
    (<= (weight (req r)) (weight (req q)))))"""),
        ],
        then="(forall ((q Rec)) (not (and (waits i q) (precedes q r))))",
    ),
}


# name: words, the step or what follows, the invariant it breaks (of a step), guards or hypotheses left out
# or replaced, changes replaced by function.
CONTROLS = {
    "naive order": dict(
        words="any stable record runs next, in whatever order it came", step="execute", breaks="causal",
        guards={"first": None}),
    "executes before the past": dict(
        words="a record runs though its past is not reflected", step="execute", breaks="causal",
        guards={"stable": None}),
    "executes duplicates": dict(
        words="each record runs its operation", step="execute", breaks="once",
        changes={"runs": "(ite (and (= i me) (= x (rid new))) (+ 1 (runs i x)) (runs i x))"}),
    "takes what is covered for executed": dict(
        words="the operation is skipped if the value timestamp covers the record", step="execute",
        breaks="once",
        changes={"runs": """(ite (and (= i me) (= x (rid new)) (not (remembers me x))
    (not (forall ((c Rm)) (<= (ts new c) (value_ts me c))))) (+ 1 (runs i x)) (runs i x))"""}),
    "skips a duplicate's timestamp": dict(
        words="the value timestamp is left as it was if the operation does not run", step="execute",
        breaks="reflected",
        changes={"value_ts": """(ite (and (= i me) (not (remembers me (rid new))))
    (max (value_ts i c) (ts new c)) (value_ts i c))"""}),
    "records duplicates": dict(
        words="an identifier is not looked up", step="accept", breaks="forgotten", guards={"unknown": None}),
    "ignores what is finished": dict(
        words="an identifier is looked up, but what is finished is not refused", step="accept",
        breaks="forgotten",
        guards={"unknown": "(not (or (remembers me (rid new)) (waits_for me (rid new))))"}),
    "believes any past": dict(
        words="an impossible past is recorded", step="accept", breaks="record", guards={"plausible": None}),
    "stamps without the past": dict(
        words="the record's timestamp has the manager's own count only", step="accept", breaks="record",
        guards={"stamp": "(forall ((c Rm)) (=> (not (= c me)) (= (ts new c) 0)))"}),
    "a read-only replica takes updates": dict(
        words="everyone makes records", step="accept", breaks="record", guards={"updatable": None}),
    "counts the whole timestamp": dict(
        words="the replica timestamp is merged with the new record's", step="accept", breaks="received",
        changes={"replica_ts": "(ite (= i me) (max (replica_ts i c) (ts new c)) (replica_ts i c))"}),
    "believes what gossip claims": dict(
        words="the replica timestamp is merged with the message's", step="take", breaks="received",
        changes={"replica_ts": "(ite (= i me) (max (replica_ts i c) (claims m c)) (replica_ts i c))"}),
    "takes records beyond a gap": dict(
        words="a record is taken though one before it is missing", step="take", breaks="received",
        guards={"next": "(< (replica_ts me (org new)) (seq new))"}),
    "takes what it has": dict(
        words="a record is taken again", step="take", breaks="waiting",
        guards={"next": "(<= (seq new) (+ 1 (replica_ts me (org new))))"},
        changes={"replica_ts": """(ite (and (= i me) (= c (org new)))
    (max (seq new) (replica_ts i c)) (replica_ts i c))"""}),
    "does not note what is finished": dict(
        words="the acknowledgements of records from gossip are not heeded", step="take", breaks="finished",
        changes={"finished": "(finished i f)"}),
    "learns across a gap": dict(
        words="a complete message teaches though not all that it claims has come", step="learn",
        breaks="table closed", guards={"covered": None}),
    "learns from a fragment": dict(
        words="a message that is not complete teaches", step="learn", breaks="table",
        guards={"complete": None}),
    "discards what only it knows": dict(
        words="nobody is asked", step="discard", breaks="collected", guards={"held": None}),
    "discards what a majority has": dict(
        words="all but one manager are asked", step="discard", breaks="collected", consts=" spared:Rm",
        guards={"held": """(forall ((j Rm) (c Rm)) (=> (and (not (= j me)) (not (= j spared)) (minds me j))
    (<= (upto c) (table me j c))))"""}),
    "discards what has not run": dict(
        words="a record leaves the log before it ran", step="discard", breaks="undiscarded",
        guards={"executed": None}),
    "forgets with the record": dict(
        words="an identifier is forgotten when its record is discarded", step="discard", breaks="refused",
        changes={"remembers": """(and (remembers i x) (not (and (= i me)
    (exists ((r Rec)) (and (keeps me r) (<= (seq r) (upto (org r))) (= (rid r) x))))))"""}),
    "forgets what is acknowledged": dict(
        words="an identifier is forgotten when a record that says so is in the log", step="discard",
        breaks="refused",
        changes={"remembers": """(and (remembers i x) (not (and (= i me)
    (exists ((r Rec)) (and (keeps me r) (finishes r x))) (not (waits_for me x)))))"""}),
    "forgets what still waits": dict(
        words="an identifier is forgotten though a record of it waits", step="discard", breaks="forgotten",
        changes={"remembers": """(and (remembers i x) (not (and (= i me)
    (exists ((r Rec)) (and (keeps me r) (<= (seq r) (upto (org r))) (finishes r x))))))"""}),
    "starts from too much": dict(
        words="after a crash, a read-only replica takes what it discarded for held by read-only ones too",
        step="restart", breaks="table",
        changes={"table": "(ite (= i me) (discarded i c) (table i j c))"}),
    "claims more than it sends": dict(
        words="a complete message claims what its sender does not hold", step="send", breaks="claimed",
        guards={"claims": None}),
    "overwrites with update replies": dict(
        words="a front end's timestamp becomes the last one that it heard", step="hear", breaks="session saw",
        changes={"session_ts": "(ite (= g f) (tells_ts s c) (session_ts g c))"}),
    "forgets update replies": dict(
        words="a front end's timestamp does not heed what it heard", step="hear", breaks="session saw",
        changes={"session_ts": "(session_ts g c)"}),
    "answers too early": dict(
        words="a query does not wait", follows="reads", guards={"may answer": None}),
    "values in between": dict(
        words="a query is answered from a value half way through a pass", follows="reads",
        guards={"settled": None}),
    "arrival rank": dict(
        words="weights that have nothing to do with the past, as order of arrival", follows="rank",
        guards={"weights": None}),
    "lies": dict(
        words="a front end claims to have seen what it has not", step="ask", breaks="real past",
        guards={"truth": None}),
    "replies with more": dict(
        words="a reply's timestamp counts more than what it is about", step="reply", breaks="whole past",
        guards={"merged": None}),
    "timestamps of liars": dict(
        words="a front end lied", follows="unique timestamps"),
    "a liar's record": dict(
        words="a front end lied", follows="nothing stuck"),
}
