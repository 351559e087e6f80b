#include "cluster/will_book.h"

#include <algorithm>
#include <iterator>

namespace vmq::cluster {

namespace {

constexpr std::uint8_t kBegins = 0x01;
constexpr std::uint8_t kDone = 0x02;

}  // namespace

// --- Own ---

void OwnWills::add(std::uint64_t number, LastWill will) {
    wills_.insert_or_assign(number, std::move(will));
    for (auto& [peer, telling] : peers_) telling.due.insert(number);
}

void OwnWills::remove(std::uint64_t number) {
    if (wills_.erase(number) == 0) return;
    for (auto& [peer, telling] : peers_) telling.due.insert(number);
}

void OwnWills::begin(Peer peer, std::optional<std::uint32_t> done_s) {
    Telling telling;
    telling.done_s = done_s;
    for (const auto& [number, will] : wills_) telling.due.insert(telling.due.end(), number);
    peers_.insert_or_assign(peer, std::move(telling));
}

bool OwnWills::has_more(Peer peer) const {
    const auto at = peers_.find(peer);
    return at != peers_.end() && (at->second.begins || !at->second.due.empty());
}

//   wills := flags:u8 [done_s:varint] (number:varint there:flag [will])*
//   flags := 01 begins, 02 done_s
void OwnWills::write(Peer peer, std::size_t bytes, std::size_t longest, std::string& out) {
    Telling& telling = peers_.find(peer)->second;
    FrameWriter frame(FrameType::Wills, out);
    unsigned flags = 0;
    if (telling.begins) flags = kBegins | (telling.done_s ? unsigned{kDone} : 0U);
    frame.body().u8(static_cast<std::uint8_t>(flags));
    if (telling.begins && telling.done_s) frame.body().varint(*telling.done_s);
    telling.begins = false;
    const std::size_t empty = frame.length();
    while (!telling.due.empty()) {
        const std::uint64_t number = *telling.due.begin();
        const auto will = wills_.find(number);
        const std::size_t size = will == wills_.end() ? 12 : will->second.footprint() + 64;
        if (frame.length() > empty && frame.length() + size > std::min(bytes, longest)) break;
        telling.due.erase(telling.due.begin());
        if (will == wills_.end()) {
            frame.body().varint(number);
            frame.body().flag(false);
        } else if (frame.length() + size <= longest) {
            frame.body().varint(number);
            frame.body().flag(true);
            append(will->second, frame.body());
        }
    }
    frame.finish();
}

// --- Others' ---

bool KnownWills::read(std::string_view body, std::size_t room, WillsHead& head) {
    ByteReader reader(body);
    std::uint8_t flags = 0;
    if (!reader.u8(flags) || flags > 3) return false;
    head.begins = (flags & kBegins) != 0;
    head.done_s.reset();
    if ((flags & kDone) != 0 && !reader.varint(head.done_s.emplace())) return false;
    if (head.begins) {
        room += bytes_;
        clear();
        through_ = 0;
    }
    while (!reader.done()) {
        std::uint64_t number = 0;
        bool there = false;
        if (!reader.varint(number) || number == 0 || !reader.flag(there)) return false;
        erase(number);
        if (!there) continue;
        LastWill will;
        if (!cluster::read(reader, will)) return false;
        through_ = std::max(through_, number);
        const std::size_t size = will.footprint();
        if (size > room) {
            ++refused_;
            continue;
        }
        room -= size;
        bytes_ += size;
        ++delays_[will.delay_s];
        by_client_.emplace(joined(will.key), number);
        wills_.emplace(number, std::move(will));
    }
    return true;
}

void KnownWills::erase(std::uint64_t number) {
    const auto at = wills_.find(number);
    if (at == wills_.end()) return;
    const LastWill& will = at->second;
    bytes_ -= will.footprint();
    const auto delay = delays_.find(will.delay_s);
    if (--delay->second == 0) delays_.erase(delay);
    const auto [first, last] = by_client_.equal_range(joined(will.key));
    for (auto each = first; each != last; ++each) {
        if (each->second != number) continue;
        by_client_.erase(each);
        break;
    }
    wills_.erase(at);
}

void KnownWills::forget(const ClientKey& key) {
    if (by_client_.empty()) return;
    const auto [first, last] = by_client_.equal_range(joined(key));
    std::vector<std::uint64_t> numbers;
    for (auto each = first; each != last; ++each) numbers.push_back(each->second);
    for (const std::uint64_t number : numbers) erase(number);
}

void KnownWills::forget_done(std::uint64_t through, std::uint32_t delay_s) {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, will] : wills_) {
        if (number > through) break;
        if (will.delay_s <= delay_s) numbers.push_back(number);
    }
    for (const std::uint64_t number : numbers) erase(number);
}

void KnownWills::clear() {
    wills_.clear();
    by_client_.clear();
    delays_.clear();
    bytes_ = 0;
}

std::optional<std::uint32_t> KnownWills::shortest_delay() const {
    if (delays_.empty()) return std::nullopt;
    return delays_.begin()->first;
}

std::uint32_t KnownWills::longest_delay(std::uint32_t most) const {
    return std::prev(delays_.upper_bound(most))->first;
}

std::vector<LastWill> KnownWills::take(std::uint32_t delay_s) {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, will] : wills_) {
        if (will.delay_s <= delay_s) numbers.push_back(number);
    }
    std::vector<LastWill> taken;
    for (const std::uint64_t number : numbers) {
        taken.push_back(wills_.at(number));
        erase(number);
    }
    return taken;
}

}  // namespace vmq::cluster
