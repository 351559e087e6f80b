#include "broker/pending_writes.h"

#include "base/assert.h"

namespace vmq::broker {

PendingWrites::Ack PendingWrites::begin(const Reply& reply) {
    if (free_acks_.empty()) {
        acks_.push_back({reply});
        return static_cast<Ack>(acks_.size());
    }
    const Ack ack = free_acks_.back();
    free_acks_.pop_back();
    acks_[ack - 1] = {reply};
    return ack;
}

bool PendingWrites::cancel(store::WritePosition position) {
    if (!batch_.cancel(position)) return false;
    Ack& ack = acks_of_writes_[position - batch_.begin()];
    if (ack != 0) release(std::exchange(ack, 0U), true);
    return true;
}

PendingWrites::HandOver PendingWrites::take() {
    auto handed = std::make_shared<Handed>();
    handed->acks.swap(acks_of_writes_);
    handed->replies.swap(replies_);
    handed->actions.swap(actions_);
    handed->end = batch_.end();
    store::WriteBatch batch = std::exchange(batch_, store::WriteBatch(handed->end));
    urgent_ = false;
    ++under_way_;
    return {std::move(batch), std::move(handed)};
}

std::vector<WhenSafe> PendingWrites::committed(Handed& handed, bool safe) {
    VMQ_ASSERT(under_way_ > 0);
    --under_way_;
    uncommitted_ = handed.end;
    for (const Ack ack : handed.acks) {
        if (ack != 0) release(ack, safe);
    }
    for (const Reply& reply : handed.replies) confirm_(reply, safe);
    return safe ? std::move(handed.actions) : std::vector<WhenSafe>{};
}

void PendingWrites::release(Ack ack, bool safe) {
    Waiting& waiting = acks_[ack - 1];
    VMQ_ASSERT(waiting.outstanding > 0);
    waiting.failed = waiting.failed || !safe;
    if (--waiting.outstanding > 0) return;
    const Waiting done = waiting;
    free_acks_.push_back(ack);
    confirm_(done.reply, !done.failed);
}

}  // namespace vmq::broker
