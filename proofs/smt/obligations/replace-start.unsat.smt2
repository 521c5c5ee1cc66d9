; The invariants of a replacement hold at the start.
; For any number of replica managers, front ends, updates and messages.
; Expected: unsat.
(set-logic ALL)
(set-info :status unsat)
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
(define-fun made ((x0 Rec)) Bool false) ; somebody made the record
(define-fun replica_ts ((x0 Rm) (x1 Rm)) Int 0) ; for each origin, how many of its records were received
(define-fun discarded ((x0 Rm) (x1 Rm)) Int 0) ; up to where records have left the log
(define-fun table ((x0 Rm) (x1 Rm) (x2 Rm)) Int 0) ; the timestamp table
(define-fun gossip ((x0 Msg)) Bool false) ; it was sent; it may arrive never, later, and again
(define-fun frozen ((x0 Rm)) Bool false) ; has recorded the replacement
(define-fun came () Bool false) ; the new one has its copy
(define-fun bound ((x0 Rm)) Int 0) ; how many of the old one's records it held when it froze
(define-fun most () Int 0) ; the greatest of these
(define-fun last () Rm old) ; whose that is (the old one's, if nobody's)
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
; ---- broken?
(assert (not (and (forall ((r Rec)) (=> (made r) (and (< 0 (seq r)) (<= (seq r) (replica_ts (org r) (org r))))))
(forall ((r Rec) (q Rec)) (=> (and (made r) (made q) (= (org r) (org q)) (= (seq r) (seq q))) (= r q)))
(forall ((i Rm) (c Rm)) (and (<= 0 (replica_ts i c)) (<= (replica_ts i c) (replica_ts c c))))
(forall ((i Rm) (c Rm)) (and (<= 0 (discarded i c)) (<= (discarded i c) (replica_ts i c))))
(and (not (frozen old)) (=> (not came) (and (not (frozen new)) (forall ((c Rm)) (= (replica_ts new c) 0)))))
(=> came (forall ((i Rm)) (=> (not (= i old)) (frozen i))))
(forall ((i Rm) (j Rm) (c Rm)) (=> (and (member i) (member j)) (<= (discarded i c) (replica_ts j c))))
(forall ((i Rm) (j Rm) (c Rm)) (and (<= 0 (table i j c))
  (=> (and (member i) (=> came (not (= j old)))) (<= (table i j c) (replica_ts j c)))))
(forall ((m Msg) (c Rm)) (=> (gossip m) (<= (claims m c) (replica_ts (src m) c))))
(forall ((m Msg)) (=> (and (gossip m) (late m)) (and (frozen (src m))
  (=> (survivor (src m)) (<= (bound (src m)) (claims m old))))))
(and (<= 0 most) (<= most (replica_ts old old))
  (=> (not (= last old)) (and (survivor last) (frozen last) (= (bound last) most)))
  (forall ((i Rm)) (=> (frozen i) (and (<= (replica_ts i old) most) (not (= last old))
    (=> (survivor i) (<= (bound i) (replica_ts i old)))))))
(forall ((i Rm) (j Rm) (c Rm)) (=> (and (survivor i) (frozen i) (not came) (not (frozen j)) (survivor j))
  (<= (table i j c) (discarded i c))))
(forall ((m Msg) (a Rec) (r Rec)) (=> (and (gossip m) (made a) (made r) (finishes a r) (= (src m) (org r))
  (<= (seq a) (claims m (org a)))) (<= (seq r) (claims m (org r)))))
(forall ((i Rm) (a Rec) (r Rec)) (=> (and (member i) (made a) (made r) (finishes a r)
  (=> came (not (= (org r) old))) (<= (seq a) (table i (org r) (org a)))) (received i r)))
(forall ((i Rm) (u Rm) (a Rec) (r Rec)) (=> (and (member i) (frozen i) (survivor u) (frozen u) (made a) (made r)
  (finishes a r) (= (org r) old) (<= (seq r) (bound u)) (<= (seq a) (table i u (org a)))) (received i r)))
(forall ((i Rm) (a Rec) (r Rec)) (=> (and (member i) (made a) (made r) (finishes a r) (counts r)
  (<= (seq a) (discarded i (org a)))) (received i r))))))
(check-sat)
