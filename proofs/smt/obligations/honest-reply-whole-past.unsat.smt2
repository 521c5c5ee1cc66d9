; Step "reply" keeps "whole past": such a timestamp, and a value's, covers in full the last record that it counts of each manager.
; For any number of replica managers, front ends, updates and messages.
; Expected: unsat.
(set-logic ALL)
(set-info :status unsat)
(declare-sort Rm 0) ; replica managers
(declare-sort Fe 0) ; front ends
(declare-sort Id 0) ; identifiers of updates
(declare-sort Req 0) ; requests of updates; several may bear one identifier
(declare-sort Rec 0) ; log records
(declare-sort Msg 0) ; gossip messages
(declare-sort Say 0) ; what front ends are told: replies, answers, words of other clients
; ---- what never changes
(declare-fun updatable (Rm) Bool) ; it takes updates; the others are read-only
(declare-fun fe (Id) Fe) ; who issued it
(declare-fun serial (Id) Int) ; its number in the order of its front end
(declare-fun id (Req) Id) ; its name
(declare-fun past (Req Rm) Int) ; the request's prev, a timestamp
(declare-fun ack (Req) Int) ; below this serial, its front end says, all is finished
(declare-fun saw (Req Rec) Bool) ; its client had seen the record (for the statement only)
(declare-fun req (Rec) Req) ; the request that the record was made of
(declare-fun org (Rec) Rm) ; who made it
(declare-fun ts (Rec Rm) Int) ; its timestamp
(declare-fun numbered (Rm Int) Rec) ; a manager's record of this number, once there is one
(declare-fun src (Msg) Rm) ; the sender
(declare-fun carries (Msg Rec) Bool) ; the log that it brings
(declare-fun claims (Msg Rm) Int) ; the sender's replica timestamp
(declare-fun complete (Msg) Bool) ; not a fragment, or the last one
(declare-fun relayed (Msg Rm Rm) Int) ; the sender's timestamp table, or zeros
(declare-fun tells (Say Rec) Bool) ; what it lets its hearer see (for the statement only)
(declare-fun tells_ts (Say Rm) Int) ; its timestamp
; ---- the state
(declare-fun made (Rec) Bool) ; somebody made the record
(declare-fun waits (Rm Rec) Bool) ; in the log, not executed
(declare-fun ran (Rm Rec) Bool) ; was executed there (for the statement only)
(declare-fun keeps (Rm Rec) Bool) ; in the log, executed
(declare-fun replica_ts (Rm Rm) Int) ; for each origin, how many of its records were received
(declare-fun value_ts (Rm Rm) Int) ; what the value reflects
(declare-fun discarded (Rm Rm) Int) ; up to where records have left the log
(declare-fun table (Rm Rm Rm) Int) ; the timestamp table: a row for each replica manager
(declare-fun remembers (Rm Id) Bool) ; the executed table
(declare-fun runs (Rm Id) Int) ; how often its operation ran there (for the statement only)
(declare-fun finished (Rm Fe) Int) ; requests with a lower serial are refused
(declare-fun gossip (Msg) Bool) ; it was sent; it may arrive never, later, and again
(declare-fun asked (Req) Bool) ; it was sent; anyone may get it, never, later, and again
(declare-fun said (Say) Bool) ; a reply, an answer, or what a client told another one
(declare-fun session_ts (Fe Rm) Int) ; the front end's timestamp
(declare-fun seen (Fe Rec) Bool) ; what its client has seen (for the statement only)
; ---- abbreviations
(define-fun max ((x Int) (y Int)) Int (ite (<= x y) y x))
(define-fun seq ((r Rec)) Int (ts r (org r)))
(define-fun rid ((r Rec)) Id (id (req r)))
(define-fun prev ((r Rec) (c Rm)) Int (past (req r) c))
(define-fun precedes ((q Rec) (r Rec)) Bool (forall ((c Rm)) (<= (ts q c) (prev r c))))
(define-fun finishes ((a Rec) (x Id)) Bool (and (= (fe (rid a)) (fe x)) (< (serial x) (ack (req a)))))
(define-fun minds ((i Rm) (j Rm)) Bool (or (updatable i) (updatable j)))
(define-fun received ((i Rm) (r Rec)) Bool (or (ran i r) (waits i r)))
(define-fun in_log ((i Rm) (r Rec)) Bool (or (keeps i r) (waits i r)))
(define-fun waits_for ((i Rm) (x Id)) Bool (exists ((r Rec)) (and (waits i r) (= (rid r) x))))
(define-fun known ((i Rm) (x Id)) Bool (or (< (serial x) (finished i (fe x)))
    (remembers i x) (waits_for i x)))
(define-fun stable ((i Rm) (r Rec)) Bool (forall ((c Rm)) (<= (prev r c) (value_ts i c))))
(define-fun settled ((i Rm)) Bool (forall ((r Rec)) (not (and (waits i r) (stable i r)))))
; prevs count
(assert (forall ((q Req) (c Rm)) (<= 0 (past q c))))
; ---- the invariants hold
; record
(assert (forall ((r Rec)) (=> (made r) (and (asked (req r)) (updatable (org r))
  (< (prev r (org r)) (seq r)) (<= (seq r) (replica_ts (org r) (org r)))
  (forall ((c Rm)) (=> (not (= c (org r))) (= (ts r c) (prev r c))))))))
; name
(assert (forall ((r Rec) (q Rec)) (=> (and (made r) (made q) (= (org r) (org q)) (= (seq r) (seq q))) (= r q))))
; origin
(assert (forall ((i Rm) (c Rm)) (and (<= 0 (replica_ts i c)) (<= (replica_ts i c) (replica_ts c c)))))
; received
(assert (forall ((i Rm) (r Rec)) (= (received i r) (and (made r) (<= (seq r) (replica_ts i (org r)))))))
; value
(assert (forall ((i Rm) (c Rm)) (and (<= 0 (value_ts i c)) (<= (value_ts i c) (replica_ts i c)))))
; reflected
(assert (forall ((i Rm) (r Rec) (c Rm)) (=> (ran i r) (<= (ts r c) (value_ts i c)))))
; waiting
(assert (forall ((i Rm) (r Rec)) (not (and (ran i r) (waits i r)))))
; causal
(assert (forall ((i Rm) (r Rec) (q Rec)) (=> (and (ran i r) (made q) (precedes q r)) (ran i q))))
; log
(assert (forall ((i Rm) (r Rec)) (= (keeps i r) (and (ran i r) (< (discarded i (org r)) (seq r))))))
; undiscarded
(assert (forall ((i Rm) (r Rec)) (=> (waits i r) (< (discarded i (org r)) (seq r)))))
; collected
(assert (forall ((i Rm) (j Rm) (c Rm)) (=> (or (= i j) (minds i j)) (<= (discarded i c) (replica_ts j c)))))
; table
(assert (forall ((i Rm) (j Rm) (c Rm)) (<= (table i j c) (replica_ts j c))))
; brought
(assert (forall ((m Msg) (r Rec)) (=> (and (gossip m) (carries m r)) (made r))))
; claimed
(assert (forall ((m Msg) (j Rm) (c Rm)) (=> (and (gossip m) (complete m))
  (and (<= (claims m c) (replica_ts (src m) c)) (<= (relayed m j c) (replica_ts j c))))))
; finished
(assert (forall ((i Rm) (r Rec)) (=> (received i r) (<= (ack (req r)) (finished i (fe (rid r)))))))
; once
(assert (forall ((i Rm)) (and (forall ((x Id)) (and (<= 0 (runs i x)) (<= (runs i x) 1)))
  (forall ((r Rec)) (=> (ran i r) (= (runs i (rid r)) 1))))))
; remembered
(assert (forall ((i Rm) (x Id)) (=> (remembers i x) (= (runs i x) 1))))
; refused
(assert (forall ((i Rm) (x Id) (k Rm)) (=> (and (= (runs i x) 1) (not (remembers i x)) (updatable k))
  (< (serial x) (finished k (fe x))))))
; forgotten
(assert (forall ((i Rm) (r Rec)) (=> (and (= (runs i (rid r)) 1) (not (remembers i (rid r))) (made r))
  (ran i r))))
; table closed
(assert (forall ((i Rm) (a Rec) (r Rec)) (=> (and (made a) (made r) (finishes a (rid r))
  (<= (seq a) (table i (org r) (org a)))) (<= (seq r) (replica_ts i (org r))))))
; discarded closed
(assert (forall ((i Rm) (a Rec) (r Rec)) (=> (and (made a) (made r) (finishes a (rid r))
  (<= (seq a) (discarded i (org a)))) (<= (seq r) (replica_ts i (org r))))))
; claim closed
(assert (forall ((m Msg) (a Rec) (r Rec)) (=> (and (gossip m) (complete m) (made a) (made r) (finishes a (rid r))
  (or (<= (seq a) (relayed m (org r) (org a))) (and (= (src m) (org r)) (<= (seq a) (claims m (org a))))))
  (<= (seq r) (claims m (org r))))))
; request saw
(assert (forall ((q Req) (r Rec)) (=> (and (asked q) (saw q r))
  (and (made r) (forall ((c Rm)) (<= (ts r c) (past q c)))))))
; session saw
(assert (forall ((f Fe) (r Rec)) (=> (seen f r) (and (made r) (forall ((c Rm)) (<= (ts r c) (session_ts f c)))))))
; told
(assert (forall ((s Say) (r Rec)) (=> (and (said s) (tells s r))
  (and (made r) (forall ((c Rm)) (<= (ts r c) (tells_ts s c)))))))
; real past
(assert (and (forall ((q Req) (c Rm)) (=> (asked q) (<= (past q c) (replica_ts c c))))
  (forall ((f Fe) (c Rm)) (<= (session_ts f c) (replica_ts c c)))
  (forall ((s Say) (c Rm)) (=> (said s) (<= (tells_ts s c) (replica_ts c c))))))
; whole past
(assert (forall ((r Rec) (c Rm)) (=> (made r) (and
  (forall ((q Req)) (=> (and (asked q) (= (past q (org r)) (seq r))) (<= (ts r c) (past q c))))
  (forall ((f Fe)) (=> (= (session_ts f (org r)) (seq r)) (<= (ts r c) (session_ts f c))))
  (forall ((s Say)) (=> (and (said s) (= (tells_ts s (org r)) (seq r))) (<= (ts r c) (tells_ts s c))))
  (forall ((i Rm)) (=> (= (value_ts i (org r)) (seq r)) (<= (ts r c) (value_ts i c))))))))
(declare-fun me () Rm)
(declare-fun s () Say)
; ---- a manager tells of records that it has received, under a timestamp that covers them
; new
(assert (not (said s)))
; covers
(assert (forall ((r Rec)) (=> (tells s r)
    (and (received me r) (forall ((c Rm)) (<= (ts r c) (tells_ts s c)))))))
; merged
(assert (forall ((c Rm)) (or (= (tells_ts s c) 0)
    (exists ((r Rec)) (and (tells s r) (= (ts r c) (tells_ts s c)))))))
; ---- afterwards
(define-fun said.new ((n Say)) Bool (or (said n) (= n s)))
; ---- broken?
(assert (not (forall ((r Rec) (c Rm)) (=> (made r) (and
  (forall ((q Req)) (=> (and (asked q) (= (past q (org r)) (seq r))) (<= (ts r c) (past q c))))
  (forall ((f Fe)) (=> (= (session_ts f (org r)) (seq r)) (<= (ts r c) (session_ts f c))))
  (forall ((s Say)) (=> (and (said.new s) (= (tells_ts s (org r)) (seq r))) (<= (ts r c) (tells_ts s c))))
  (forall ((i Rm)) (=> (= (value_ts i (org r)) (seq r)) (<= (ts r c) (value_ts i c)))))))))
(check-sat)
