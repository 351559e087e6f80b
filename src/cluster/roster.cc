#include "cluster/roster.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "cluster/wire.h"

namespace vmq::cluster {
namespace {

constexpr std::size_t kLongestHost = 255;
constexpr std::size_t kLeastWord = 24;
/// Nobody gets here by counting; a word beyond would leave no later one.
constexpr std::uint64_t kMostWords = 1ULL << 48U;

std::string_view bytes_of(const Incarnation& incarnation) noexcept {
    return {reinterpret_cast<const char*>(incarnation.bytes.data()), incarnation.bytes.size()};
}

}  // namespace

Roster::Roster(Member self) : self_(std::move(self)) { say(self_, true); }

const Member* Roster::find(std::string_view name) const {
    const auto at = words_.find(name);
    return at != words_.end() && at->second.present ? &at->second.member : nullptr;
}

bool Roster::has_left(std::string_view name) const {
    const auto at = words_.find(name);
    return at != words_.end() && !at->second.present;
}

void Roster::say(Member member, bool present) {
    const std::string name = member.name;
    words_[name] = Word{++last_, self_.name, present, std::move(member)};
    refresh();
}

Result<void> Roster::admit(const Member& member) {
    const Member* known = find(member.name);
    if (known != nullptr && *known == member) return {};
    if (known == nullptr && members_.size() >= kMostMembers) {
        return Error{ErrorCode::LimitReached, "the cluster has " + std::to_string(kMostMembers) +
                                                  " nodes, which is the most"};
    }
    say(member, true);
    return {};
}

bool Roster::remove(std::string_view name) {
    const Member* known = find(name);
    if (known == nullptr) return false;
    say(Member(*known), false);
    return true;
}

void Roster::reassert(const NodeAddress& address) {
    self_.address = address;
    const Member* known = find(self_.name);
    if (known == nullptr || *known != self_) say(self_, true);
}

void Roster::begin_alone() {
    words_.clear();
    say(self_, true);
}

void Roster::encode(std::string& out) const {
    ByteWriter to(out);
    to.varint(words_.size());
    for (const auto& [name, word] : words_) {
        to.varint(word.count);
        to.string(word.by);
        to.flag(word.present);
        to.string(name);
        to.bytes(bytes_of(word.member.incarnation));
        to.string(word.member.address.host);
        to.varint(word.member.address.port);
        to.flag(word.member.address.tls);
    }
}

Roster::Merged Roster::merge(std::string_view body) {
    ByteReader reader(body);
    std::size_t count = 0;
    if (!reader.count(count, kLeastWord)) return Merged::Malformed;
    std::vector<Word> heard;
    for (; count > 0; --count) {
        Word word;
        std::string_view by;
        std::string_view name;
        std::string_view incarnation;
        std::string_view host;
        if (!reader.varint(word.count) || word.count == 0 || word.count > kMostWords ||
            !reader.string(by, kLongestNodeName) || !is_valid_node_name(by) ||
            !reader.flag(word.present) || !reader.string(name, kLongestNodeName) ||
            !is_valid_node_name(name) ||
            !reader.bytes(word.member.incarnation.bytes.size(), incarnation) ||
            !reader.string(host, kLongestHost) || !reader.varint(word.member.address.port) ||
            !reader.flag(word.member.address.tls)) {
            return Merged::Malformed;
        }
        word.by = by;
        word.member.name = name;
        word.member.address.host = host;
        std::copy(incarnation.begin(), incarnation.end(), word.member.incarnation.bytes.begin());
        heard.push_back(std::move(word));
    }
    if (!reader.done()) return Merged::Malformed;
    bool changed = false;
    for (Word& word : heard) changed = hear(std::move(word)) || changed;
    if (changed) refresh();
    return changed ? Merged::Changed : Merged::Nothing;
}

bool Roster::hear(Word word) {
    last_ = std::max(last_, word.count);
    Word& known = words_[word.member.name];
    if (std::tie(known.count, known.by) >= std::tie(word.count, word.by)) return false;
    known = std::move(word);
    return true;
}

void Roster::refresh() {
    std::vector<std::pair<std::uint64_t, std::string>> left;
    members_.clear();
    for (const auto& [name, word] : words_) {
        if (word.present) {
            members_.emplace(name, word.member);
        } else {
            left.emplace_back(word.count, name);
        }
    }
    if (left.size() <= kMostLeft) return;
    std::sort(left.begin(), left.end());
    left.resize(left.size() - kMostLeft);
    for (const auto& [count, name] : left) words_.erase(name);
}

}  // namespace vmq::cluster
