// Any bytes as frames of registrations, of sessions that move, of nodes that leave, and of wills:
// either refused, or what was read is written to the same bytes again.
#include "cluster/registrar_codec.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "cluster/leave.h"
#include "cluster/move_codec.h"
#include "cluster/will_book.h"
#include "cluster/will_election.h"
#include "support/frame_fuzz.h"

namespace vmq::cluster {
namespace {

constexpr TimePoint kNow{Millis(1'000'000)};

void check_move(std::string_view body) {
    MoveReader reader(body);
    MoveHeader header;
    if (!reader.header(header)) return;
    std::string frame;
    MoveWriter writer(header, frame);
    bool good = true;
    if (header.kind == MoveKind::Begin) {
        MoveBegin begin;
        if (!reader.begin(begin)) return;
        writer.begin(begin);
    } else if (header.kind == MoveKind::Will) {
        MovedWill will;
        if (!reader.will(will)) return;
        writer.will(will);
    } else if (header.kind == MoveKind::Exchanges) {
        MovedExchanges exchanges;
        if (!reader.exchanges(exchanges)) return;
        writer.exchanges(exchanges);
    } else {
        while (good && !reader.done()) {
            MovedSubscription subscription;
            MovedMessage message;
            if (header.kind == MoveKind::Subscriptions) {
                good = reader.subscription(subscription);
                if (good) writer.subscription(subscription);
            } else {
                good = reader.message(message, kNow);
                if (good) writer.message(message, kNow);
            }
        }
        if (!good) return;
    }
    writer.finish();
    VMQ_ASSERT(frame.size() - kFrameOverhead <= body.size());
    MoveHeader again;
    VMQ_ASSERT(MoveReader(std::string_view(frame).substr(kFrameOverhead)).header(again));
    VMQ_ASSERT(again.key == header.key && again.number == header.number);
}

}  // namespace
}  // namespace vmq::cluster

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vmq::cluster;
    using vmq::testing::check_frame;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_frame<RegisterRequest>(bytes);
    check_frame<RegisterReply>(bytes);
    check_frame<ReleaseRequest>(bytes);
    check_frame<ReleaseReply>(bytes);
    check_frame<Claim>(bytes);
    check_frame<MoveAck>(bytes);
    check_frame<Offer>(bytes);
    check_frame<LeaveRequest>(bytes);
    check_frame<WillsVote>(bytes);
    check_frame<WillsVoted>(bytes);
    LeaveState state;  // its text is made fit for a terminal
    (void)decode(bytes, state);
    WillsDone done;
    if (decode("a@b", bytes, done)) VMQ_ASSERT(encode(done) == bytes);
    KnownWills wills;
    WillsHead head;
    (void)wills.read(bytes, 1000, head);
    VMQ_ASSERT(wills.bytes() <= 1000);
    check_move(bytes);
    return 0;
}
