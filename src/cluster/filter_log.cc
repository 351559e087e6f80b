#include "cluster/filter_log.h"

#include <algorithm>
#include <utility>

#include "cluster/frame_codec.h"
#include "cluster/message_encoding.h"
#include "cluster/number_frame.h"
#include "mqtt/internal_group.h"
#include "mqtt/topic.h"

namespace vmq::cluster {
namespace {

// Of a Filters frame.
constexpr std::uint8_t kBegin = 1;  // what follows replaces everything
constexpr std::uint8_t kEnd = 2;    // and this was all of it
// Of an entry.
constexpr std::uint8_t kSubscribed = 1;
constexpr std::uint8_t kPersistent = 2;
constexpr std::uint8_t kGroup = 4;  // numbers of members follow

constexpr std::uint64_t kMostMembers = 1U << 24U;  // of a group, on one node
constexpr std::size_t kLeastFilterEntry = 3;
/// A frame ends with the entry that reaches this. With the longest entry it fits the lowest limit
/// that a receiver can be given.
constexpr std::size_t kFrameBytes = 64U * 1024;

void write(const FilterChange& change, ByteWriter& to) {
    const bool group = mqtt::parse_shared_filter(change.filter).has_value();
    to.u8(static_cast<std::uint8_t>((change.subscribed ? kSubscribed : 0) |
                                    (change.persistent ? kPersistent : 0) | (group ? kGroup : 0)));
    to.string(change.mountpoint);
    to.string(change.filter);
    if (!group) return;
    to.varint(change.online);
    to.varint(change.stored);
}

/// False: no entry, or one that says what cannot be.
bool read_into(FilterSink& sink, ByteReader& reader) {
    std::uint8_t kind = 0;
    std::string_view mountpoint;
    std::string_view filter;
    if (!reader.u8(kind) || (kind & ~(kSubscribed | kPersistent | kGroup)) != 0 ||
        !reader.string(mountpoint, kLongestText) || !reader.string(filter, kLongestText) ||
        !mqtt::is_valid_filter_of_nodes(filter)) {
        return false;
    }
    const auto shared = mqtt::parse_shared_filter(filter);
    if (shared.has_value() != ((kind & kGroup) != 0)) return false;
    if (!shared) {
        sink.set(mountpoint, filter, (kind & kSubscribed) != 0, (kind & kPersistent) != 0);
        return true;
    }
    std::uint64_t online = 0;
    std::uint64_t stored = 0;
    if (!reader.varint(online) || !reader.varint(stored) || online > kMostMembers ||
        stored > kMostMembers || (online + stored != 0) != ((kind & kSubscribed) != 0)) {
        return false;
    }
    sink.set_group(mountpoint, shared->group, shared->filter, static_cast<std::uint32_t>(online),
                   static_cast<std::uint32_t>(stored));
    return true;
}

}  // namespace

void FilterLog::add(FilterChange change) {
    if (changes_.size() == most_changes_) (void)changes_.pop_front();
    changes_.push_back(std::move(change));
    ++number_;
}

void FilterSender::begin(std::uint64_t boot, std::uint64_t number) noexcept {
    linked_ = true;
    if (boot != log_.boot() || !log_.has_since(number)) return begin_all();
    all_ = false;
    sent_ = acknowledged_ = number;
}

void FilterSender::begin_all() noexcept {
    all_ = true;
    portion_ = 0;
    sent_ = log_.number();  // what changes from here on is sent behind it
    acknowledged_ = 0;
}

bool FilterSender::pump(std::string& out, std::size_t most_bytes) {
    if (!linked_) return false;
    const std::size_t before = out.size();
    while (out.size() - before < most_bytes) {
        if (!log_.has_since(sent_)) begin_all();  // too many changes meanwhile
        if (all_) {
            send_portion(out);
        } else if (sent_ < log_.number()) {
            send_changes(out, most_bytes);
        } else {
            break;
        }
    }
    return out.size() > before;
}

void FilterSender::send_portion(std::string& out) {
    filters_.clear();
    const bool more = source_.portion(portion_, filters_);
    std::uint8_t begin = portion_ == 0 ? kBegin : 0;
    std::size_t from = 0;
    do {
        std::size_t to = from;
        for (std::size_t bytes = 0; to < filters_.size() && bytes < kFrameBytes; ++to) {
            bytes += filters_[to].mountpoint.size() + filters_[to].filter.size();
        }
        const bool last = to == filters_.size() && !more;
        FrameWriter frame(FrameType::Filters, out);
        ByteWriter& body = frame.body();
        body.u8(static_cast<std::uint8_t>(std::exchange(begin, 0) | (last ? kEnd : 0)));
        body.varint(sent_);
        body.varint(to - from);
        for (; from < to; ++from) write(filters_[from], body);
        frame.finish();
    } while (from < filters_.size());
    ++portion_;
    all_ = more;
}

void FilterSender::send_changes(std::string& out, std::size_t most_bytes) {
    std::uint64_t last = sent_;
    std::size_t bytes = 0;
    while (last < log_.number() && bytes < std::min(most_bytes, kFrameBytes)) {
        ++last;
        bytes += log_.change(last).mountpoint.size() + log_.change(last).filter.size() + 4;
    }
    FrameWriter frame(FrameType::Filters, out);
    ByteWriter& body = frame.body();
    body.u8(0);
    body.varint(last);
    body.varint(last - sent_);
    while (sent_ < last) write(log_.change(++sent_), body);
    frame.finish();
}

bool FilterSender::acknowledge(std::uint64_t number) noexcept {
    if (all_) return true;  // of what was sent before it had to begin again
    if (number > sent_) return false;
    if (number > acknowledged_) acknowledged_ = number;
    return true;
}

void FilterReceiver::begin(std::uint64_t boot, std::string& out) {
    all_ = false;
    if (boot != boot_ || !complete_) {
        boot_ = boot;
        number_ = 0;
        complete_ = false;
    }
    acknowledged_ = number_;
    FrameWriter frame(FrameType::FilterState, out);
    // A state that is not complete must not be taken for one.
    frame.body().u64(complete_ ? boot_ : 0);
    frame.body().varint(number_);
    frame.finish();
}

bool FilterReceiver::receive(std::string_view body) {
    ByteReader reader(body);
    std::uint8_t flags = 0;
    std::uint64_t number = 0;
    std::size_t count = 0;
    if (!reader.u8(flags) || (flags & ~(kBegin | kEnd)) != 0 || !reader.varint(number) ||
        !reader.count(count, kLeastFilterEntry)) {
        return false;
    }
    const bool change = !all_ && (flags & kBegin) == 0;
    if (change && (!complete_ || flags != 0 || number < number_ || count != number - number_)) {
        return false;
    }
    if ((flags & kBegin) != 0) {
        sink_->begin_all();
        all_ = true;
        complete_ = false;
    }
    for (; count > 0; --count) {
        if (!read_into(*sink_, reader)) {
            complete_ = false;
            return false;
        }
    }
    if (!reader.done()) {
        complete_ = false;
        return false;
    }
    if (change) {
        number_ = number;
    } else if ((flags & kEnd) != 0) {
        sink_->end_all();
        all_ = false;
        complete_ = true;
        number_ = number;
        ++telling_;
        acknowledged_ = ~std::uint64_t{0};  // news even if it is 0
    }
    return true;
}

void FilterReceiver::acknowledge(const State& through, std::string& out) {
    if (!complete_ || through.telling != telling_) return;
    const std::uint64_t number = std::min(number_, through.number);
    if (acknowledged_ == number) return;
    acknowledged_ = number;
    append_number(FrameType::FilterAck, number, out);
}

bool decode_filter_state(std::string_view body, FilterState& state) noexcept {
    ByteReader reader(body);
    return reader.u64(state.boot) && reader.varint(state.number) && reader.done();
}

}  // namespace vmq::cluster
