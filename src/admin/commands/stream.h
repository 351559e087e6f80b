// An answer that goes on: what a command says for as long as somebody listens.
#pragma once

#include <optional>
#include <string>

namespace vmq::admin::commands {

/// Asked again and again, by one thread at a time, until it has ended or nobody listens any more;
/// then it is destroyed. Every call returns at once, and may find nothing to say yet.
class Stream {
public:
    Stream() = default;
    virtual ~Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    struct Piece {
        std::string out;            // standard output
        std::optional<int> status;  // it ends with this exit status
    };
    [[nodiscard]] virtual Piece take() = 0;
};

}  // namespace vmq::admin::commands
