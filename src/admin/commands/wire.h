// What vmq-admin and the broker say to each other on the control socket.
//
//   request = "admin " object LF            object: {"words":["session","show"],"terminal":true}
//   answer  = *output status              for a command that goes on, as it comes
//   output  = kind length bytes             kind: "o" standard output, "e" standard error
//   status  = "x" %x00.00.00.01 byte        exit status
//   length  = 4 bytes, most significant first; at most kMaxFrame
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/commands/writers.h"
#include "base/result.h"

namespace vmq::admin::commands {

inline constexpr std::string_view kRequestStart = "admin ";
/// Longest request line; the shells of the world allow more, no command needs it.
inline constexpr std::size_t kMaxRequest = std::size_t{64} * 1024;
inline constexpr std::size_t kMaxFrame = std::size_t{64} * 1024;

struct Request {
    std::vector<std::string> words;
    bool terminal = false;  // standard output of who asks is one
};

/// With its newline.
[[nodiscard]] std::string encode(const Request& request);
/// `line` without its newline.
[[nodiscard]] Result<Request> decode_request(std::string_view line);

/// The whole answer, or what comes first of one that goes on.
[[nodiscard]] std::string encode(const Printed& printed);
/// More of it.
[[nodiscard]] std::string encode(const Stream::Piece& piece);

/// Takes an answer apart as it arrives. The broker is trusted, a torn answer is not taken for a
/// whole one.
class AnswerReader final {
public:
    struct Piece {
        char kind;  // o, e
        std::string_view bytes;
    };

    /// More bytes; what pieces pointed to is gone.
    void add(std::string_view bytes);
    /// The next piece of output that is there as a whole.
    [[nodiscard]] std::optional<Piece> next();
    /// The exit status, once it has come.
    [[nodiscard]] std::optional<int> status() const noexcept { return status_; }
    /// What came is no answer.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

private:
    std::string buffer_;
    std::size_t used_ = 0;
    std::optional<int> status_;
    bool broken_ = false;
};

}  // namespace vmq::admin::commands
