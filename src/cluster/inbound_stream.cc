#include "cluster/inbound_stream.h"

#include "base/assert.h"

namespace vmq::cluster {

bool InboundStream::begin(std::uint64_t next) noexcept {
    if (next == 0) return false;
    ack_due_ = acknowledged_ > 0;
    if (received_ == 0 && pending_.empty()) {
        received_ = acknowledged_ = next - 1;  // what came before is no business of this process
        ack_due_ = false;
        return true;
    }
    return next <= received_ + 1;
}

InboundStream::Arrival InboundStream::arrive(std::uint64_t sequence) {
    if (sequence <= received_) {
        ack_due_ = true;
        return Arrival::Repeated;
    }
    if (sequence != received_ + 1) return Arrival::Gap;
    received_ = sequence;
    pending_.push_back({});
    return Arrival::New;
}

void InboundStream::expect(std::uint32_t waits) noexcept {
    VMQ_ASSERT(!pending_.empty());
    pending_.back().waits += waits;
}

void InboundStream::settle(std::uint64_t sequence, bool safe) noexcept {
    if (sequence <= acknowledged_ || sequence > received_) return;
    Pending& pending = pending_[static_cast<std::size_t>(sequence - acknowledged_ - 1)];
    if (pending.waits == 0) return;
    --pending.waits;
    if (!safe) pending.refused = true;
}

bool InboundStream::take_ack(Ack& ack) {
    ack.refused.clear();
    bool news = std::exchange(ack_due_, false);
    while (!pending_.empty() && pending_.front().waits == 0) {
        if (pending_.front().refused) {
            if (ack.refused.size() == Ack::kMostRefused) break;
            ack.refused.push_back(acknowledged_ + 1);
        }
        ++acknowledged_;
        (void)pending_.pop_front();
        news = true;
    }
    ack.sequence = acknowledged_;
    return news && acknowledged_ > 0;
}

}  // namespace vmq::cluster
