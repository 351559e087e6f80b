#include "base/output_buffer.h"

#include <algorithm>

#include "base/assert.h"

namespace vmq {

std::size_t OutputBuffer::gather(Piece* pieces, std::size_t most) const noexcept {
    std::size_t count = 0;
    std::size_t at = written_;
    for (const Reference& reference : references_) {
        if (count < most && reference.at > at) {
            pieces[count++] = {bytes_.data() + at, reference.at - at};
            at = reference.at;
        }
        if (count == most) return count;
        pieces[count++] = {reference.view.data(), reference.view.size()};
    }
    if (count < most && at < bytes_.size())
        pieces[count++] = {bytes_.data() + at, bytes_.size() - at};
    return count;
}

void OutputBuffer::take(OutputBuffer& from) {
    const std::size_t begin = bytes_.size();
    bytes_.append(from.bytes_, from.written_);
    for (Reference& reference : from.references_) {
        reference.at = reference.at - from.written_ + begin;
        references_.push_back(std::move(reference));
    }
    referenced_ += from.referenced_;
    from.clear();
}

void OutputBuffer::take(OutputBuffer& from, std::size_t count) {
    VMQ_ASSERT(count <= from.size());
    while (count > 0) {
        const std::size_t copied_end =
            from.references_.empty() ? from.bytes_.size() : from.references_.front().at;
        std::size_t taken = std::min(count, copied_end - from.written_);
        if (taken > 0) {
            bytes_.append(from.bytes_, from.written_, taken);
        } else {
            const Reference& reference = from.references_.front();
            taken = std::min(count, reference.view.size());
            append_reference(reference.view.substr(0, taken), reference.owner);
        }
        from.consume(taken);
        count -= taken;
    }
}

void OutputBuffer::consume(std::size_t count) {
    VMQ_ASSERT(count <= size());
    std::size_t done = 0;
    while (count > 0) {
        const std::size_t until = done < references_.size() ? references_[done].at : bytes_.size();
        const std::size_t copied = std::min(count, until - written_);
        written_ += copied;
        count -= copied;
        if (count == 0) break;
        Reference& reference = references_[done];
        const std::size_t taken = std::min(count, reference.view.size());
        reference.view.remove_prefix(taken);
        referenced_ -= taken;
        count -= taken;
        if (reference.view.empty()) ++done;
    }
    references_.erase(references_.begin(), references_.begin() + static_cast<std::ptrdiff_t>(done));
    if (empty()) {
        clear();
    } else if (written_ > bytes_.size() / 2 && written_ > 4096) {
        bytes_.erase(0, written_);
        for (Reference& reference : references_) reference.at -= written_;
        written_ = 0;
    }
}

}  // namespace vmq
