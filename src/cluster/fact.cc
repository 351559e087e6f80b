#include "cluster/fact.h"

#include <cstring>
#include <new>

namespace vmq::cluster {

std::string retained_key(std::string_view mountpoint, std::string_view topic) {
    std::string key;
    key.reserve(mountpoint.size() + 1 + topic.size());
    key.append(mountpoint).push_back('\0');
    key.append(topic);
    return key;
}

RetainedKey split_retained_key(std::string_view key) noexcept {
    const std::size_t zero = key.find('\0');
    return {key.substr(0, zero), key.substr(zero + 1)};
}

Fact::Fact(const FactParts& parts) noexcept
    : time_(parts.stamp.time),
      message_(parts.message),
      writer_(parts.stamp.writer),
      key_size_(static_cast<std::uint32_t>(parts.key.size())),
      value_size_(static_cast<std::uint32_t>(parts.value.size())),
      kind_(parts.kind),
      deleted_(parts.deleted) {}

Fact* Fact::make(const FactParts& parts) {
    void* memory = ::operator new(sizeof(Fact) + parts.key.size() + parts.value.size());
    auto* fact = new (memory) Fact(parts);
    char* at = static_cast<char*>(memory) + sizeof(Fact);
    if (!parts.key.empty()) std::memcpy(at, parts.key.data(), parts.key.size());
    at += parts.key.size();
    if (!parts.value.empty()) std::memcpy(at, parts.value.data(), parts.value.size());
    return fact;
}

void Fact::destroy(Fact* fact) noexcept {
    fact->~Fact();
    ::operator delete(fact);
}

std::string_view word_of(FactKind kind) noexcept {
    switch (kind) {
        case FactKind::Member:
            return "member";
        case FactKind::Retained:
            return "retained";
        case FactKind::Setting:
            return "setting";
        case FactKind::ApiKey:
            return "api_key";
        case FactKind::SessionOwner:
            return "session_owner";
        case FactKind::WillsDone:
            return "wills_done";
    }
    return "unknown";
}

std::size_t Fact::wire_size() const noexcept {
    constexpr std::size_t kOverhead = 16;  // form, time, lengths
    std::size_t size = kOverhead + key_size_ + value_size_;
    if (message_) size += message_->properties().size() + message_->payload().size();
    return size;
}

}  // namespace vmq::cluster
