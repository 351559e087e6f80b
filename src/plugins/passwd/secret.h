// A password while it is in memory.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace vmq::plugins::passwd {

/// Bytes that are wiped when they go. A move hands over the memory itself, so no copy stays behind
/// as it would with a short std::string. One owner, one thread at a time.
class Secret final {
public:
    explicit Secret(std::string_view bytes)
        : bytes_(std::make_unique<char[]>(bytes.size() + 1)), size_(bytes.size()) {
        if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    }
    ~Secret() { wipe(); }
    Secret(Secret&& other) noexcept
        : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
    Secret& operator=(Secret&& other) noexcept {
        if (this == &other) return *this;
        wipe();
        bytes_ = std::move(other.bytes_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    /// Empty after a move. Valid as long as the Secret stays where it is.
    [[nodiscard]] std::string_view view() const noexcept {
        return bytes_ == nullptr ? std::string_view() : std::string_view(bytes_.get(), size_);
    }
    /// view() with a NUL behind it.
    [[nodiscard]] const char* c_str() const noexcept {
        return bytes_ == nullptr ? "" : bytes_.get();
    }

private:
    void wipe() noexcept {
        if (bytes_ != nullptr) OPENSSL_cleanse(bytes_.get(), size_);
    }

    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

}  // namespace vmq::plugins::passwd
