; Step "copy" can happen, and not trivially: the new one takes a copy of a survivor's replica when all survivors have recorded it.
; For any number of replica managers, front ends, updates and messages.
; Expected: sat.
(set-logic ALL)
(set-info :status sat)
(declare-sort Rm 0) ; replica managers
(declare-sort Rec 0) ; log records
(declare-sort Msg 0) ; gossip messages, complete ones: fragments teach nothing
; ---- what never changes
(declare-fun old () Rm) ; the one that is replaced
(declare-fun new () Rm) ; the one that comes
(declare-fun org (Rec) Rm) ; who made it
(declare-fun seq (Rec) Int) ; its number there
(declare-fun finishes (Rec Rec) Bool) ; the first acknowledges the update of the second
(declare-fun src (Msg) Rm) ; the sender
(declare-fun claims (Msg Rm) Int) ; the sender's replica timestamp
(declare-fun late (Msg) Bool) ; its sender had recorded the replacement
; ---- the state
(declare-fun made (Rec) Bool) ; somebody made the record
(declare-fun replica_ts (Rm Rm) Int) ; for each origin, how many of its records were received
(declare-fun discarded (Rm Rm) Int) ; up to where records have left the log
(declare-fun table (Rm Rm Rm) Int) ; the timestamp table
(declare-fun gossip (Msg) Bool) ; it was sent; it may arrive never, later, and again
(declare-fun frozen (Rm) Bool) ; has recorded the replacement
(declare-fun came () Bool) ; the new one has its copy
(declare-fun bound (Rm) Int) ; how many of the old one's records it held when it froze
(declare-fun most () Int) ; the greatest of these
(declare-fun last () Rm) ; whose that is (the old one's, if nobody's)
; ---- abbreviations
(define-fun max ((x Int) (y Int)) Int (ite (<= x y) y x))
(define-fun survivor ((i Rm)) Bool (and (not (= i old)) (not (= i new))))
(define-fun acts ((i Rm)) Bool (or (not (= i new)) came))
(define-fun member ((i Rm)) Bool (and (acts i) (=> came (not (= i old)))))
(define-fun received ((i Rm) (r Rec)) Bool (<= (seq r) (replica_ts i (org r))))
(define-fun asks ((i Rm) (j Rm)) Bool (and (not (= i j)) (ite (frozen i) (not (= j old)) (not (= j new)))))
(define-fun hears ((i Rm) (m Msg)) Bool (= (late m) (frozen i)))
(define-fun counts ((r Rec)) Bool (=> (and came (= (org r) old)) (<= (seq r) most)))
(define-fun forgot ((i Rm) (r Rec)) Bool (exists ((a Rec))
    (and (made a) (finishes a r) (<= (seq a) (discarded i (org a))))))
; two
(assert (not (= old new)))
; ---- the invariants hold
; record
(assert (forall ((r Rec)) (=> (made r) (and (< 0 (seq r)) (<= (seq r) (replica_ts (org r) (org r)))))))
; name
(assert (forall ((r Rec) (q Rec)) (=> (and (made r) (made q) (= (org r) (org q)) (= (seq r) (seq q))) (= r q))))
; origin
(assert (forall ((i Rm) (c Rm)) (and (<= 0 (replica_ts i c)) (<= (replica_ts i c) (replica_ts c c)))))
; discarded
(assert (forall ((i Rm) (c Rm)) (and (<= 0 (discarded i c)) (<= (discarded i c) (replica_ts i c)))))
; absent
(assert (and (not (frozen old)) (=> (not came) (and (not (frozen new)) (forall ((c Rm)) (= (replica_ts new c) 0))))))
; confirmed
(assert (=> came (forall ((i Rm)) (=> (not (= i old)) (frozen i)))))
; collected
(assert (forall ((i Rm) (j Rm) (c Rm)) (=> (and (member i) (member j)) (<= (discarded i c) (replica_ts j c)))))
; table
(assert (forall ((i Rm) (j Rm) (c Rm)) (and (<= 0 (table i j c))
  (=> (and (member i) (=> came (not (= j old)))) (<= (table i j c) (replica_ts j c))))))
; claimed
(assert (forall ((m Msg) (c Rm)) (=> (gossip m) (<= (claims m c) (replica_ts (src m) c)))))
; late
(assert (forall ((m Msg)) (=> (and (gossip m) (late m)) (and (frozen (src m))
  (=> (survivor (src m)) (<= (bound (src m)) (claims m old)))))))
; bounded
(assert (and (<= 0 most) (<= most (replica_ts old old))
  (=> (not (= last old)) (and (survivor last) (frozen last) (= (bound last) most)))
  (forall ((i Rm)) (=> (frozen i) (and (<= (replica_ts i old) most) (not (= last old))
    (=> (survivor i) (<= (bound i) (replica_ts i old))))))))
; unheard
(assert (forall ((i Rm) (j Rm) (c Rm)) (=> (and (survivor i) (frozen i) (not came) (not (frozen j)) (survivor j))
  (<= (table i j c) (discarded i c)))))
; claim closed
(assert (forall ((m Msg) (a Rec) (r Rec)) (=> (and (gossip m) (made a) (made r) (finishes a r) (= (src m) (org r))
  (<= (seq a) (claims m (org a)))) (<= (seq r) (claims m (org r))))))
; table closed
(assert (forall ((i Rm) (a Rec) (r Rec)) (=> (and (member i) (made a) (made r) (finishes a r)
  (=> came (not (= (org r) old))) (<= (seq a) (table i (org r) (org a)))) (received i r))))
; rescued
(assert (forall ((i Rm) (u Rm) (a Rec) (r Rec)) (=> (and (member i) (frozen i) (survivor u) (frozen u) (made a) (made r)
  (finishes a r) (= (org r) old) (<= (seq r) (bound u)) (<= (seq a) (table i u (org a)))) (received i r))))
; discarded closed
(assert (forall ((i Rm) (a Rec) (r Rec)) (=> (and (member i) (made a) (made r) (finishes a r) (counts r)
  (<= (seq a) (discarded i (org a)))) (received i r))))
(declare-fun me () Rm)
; ---- the new one takes a copy of a survivor's replica when all survivors have recorded it
; once
(assert (and (not came) (survivor me)))
; all
(assert (forall ((i Rm)) (=> (survivor i) (frozen i))))
; ---- afterwards
(define-fun came.new () Bool true)
(define-fun frozen.new ((i Rm)) Bool (or (frozen i) (= i new)))
(define-fun replica_ts.new ((i Rm) (c Rm)) Int (ite (= i new) (replica_ts me c) (replica_ts i c)))
(define-fun discarded.new ((i Rm) (c Rm)) Int (ite (= i new) (discarded me c) (discarded i c)))
(define-fun table.new ((i Rm) (j Rm) (c Rm)) Int (ite (= i new) (discarded me c) (ite (= j new) 0 (table i j c))))
(define-fun acts.new ((i Rm)) Bool (or (not (= i new)) came.new))
(define-fun member.new ((i Rm)) Bool (and (acts.new i) (=> came.new (not (= i old)))))
(define-fun received.new ((i Rm) (r Rec)) Bool (<= (seq r) (replica_ts.new i (org r))))
(define-fun asks.new ((i Rm) (j Rm)) Bool (and (not (= i j)) (ite (frozen.new i) (not (= j old)) (not (= j new)))))
(define-fun hears.new ((i Rm) (m Msg)) Bool (= (late m) (frozen.new i)))
(define-fun counts.new ((r Rec)) Bool (=> (and came.new (= (org r) old)) (<= (seq r) most)))
(define-fun forgot.new ((i Rm) (r Rec)) Bool (exists ((a Rec))
    (and (made a) (finishes a r) (<= (seq a) (discarded.new i (org a))))))
; of interest
(assert (exists ((c Rm)) (and (< 0 (discarded me c)) (< (discarded me c) (replica_ts me c)))))
(check-sat)
