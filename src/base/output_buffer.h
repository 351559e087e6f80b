// What is to be written to one connection: small packets copied, large payloads referenced.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vmq {

/// Filled during a turn of the loop, written at its end with one call. Owned by a connection while
/// it has something to say, by the shard's pool otherwise.
class OutputBuffer final {
public:
    /// The copied part; encoders append to it.
    [[nodiscard]] std::string& bytes() noexcept { return bytes_; }

    /// Queues `view` behind what was appended so far; `owner` keeps it alive until it is written.
    void append_reference(std::string_view view, std::shared_ptr<const void> owner) {
        references_.push_back({bytes_.size(), view, std::move(owner)});
        referenced_ += view.size();
    }

    /// Queues everything of `from` behind what was appended so far, and leaves it empty.
    void take(OutputBuffer& from);
    /// The same with its first `count` bytes. Requires count <= from.size().
    void take(OutputBuffer& from, std::size_t count);

    [[nodiscard]] std::size_t size() const noexcept {
        return bytes_.size() - written_ + referenced_;
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    /// Fills `pieces` with up to `most` stretches to write, in order; returns how many.
    struct Piece {
        const char* data;
        std::size_t size;
    };
    [[nodiscard]] std::size_t gather(Piece* pieces, std::size_t most) const noexcept;

    /// Takes away the first `count` bytes, which were written. Requires count <= size().
    void consume(std::size_t count);

    void clear() noexcept {
        bytes_.clear();
        references_.clear();
        written_ = 0;
        referenced_ = 0;
    }
    /// Memory held for later use.
    [[nodiscard]] std::size_t capacity() const noexcept { return bytes_.capacity(); }

private:
    struct Reference {
        std::size_t at;  // in bytes_: what stands before this offset goes first
        std::string_view view;
        std::shared_ptr<const void> owner;
    };

    std::string bytes_;
    std::vector<Reference> references_;
    std::size_t written_ = 0;     // bytes of bytes_ already gone
    std::size_t referenced_ = 0;  // bytes in references_
};

}  // namespace vmq
