// Result<T>: a value, or why there is none. For what a peer, the network, the disk or the operator
// caused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace vmq {

enum class ErrorCode : std::uint8_t {
    // mqtt, session
    MalformedPacket,
    ProtocolViolation,
    PacketTooLarge,
    PacketIdNotFound,
    PacketIdWrongStage,
    PacketIdInUse,
    TopicInvalid,
    TopicFilterInvalid,
    LimitReached,
    NotAuthorized,
    // config
    SyntaxError,
    UnknownKey,
    InvalidValue,
    // system
    AddressInUse,
    SystemError,
    NotFound,
    Unavailable,
    // store
    StorageFull,
    StorageFailed,
};

/// `detail` is a sentence for the operator; it never holds a secret or a payload.
struct Error {
    ErrorCode code;
    std::string detail;
};

template <typename T>
class [[nodiscard]] Result final {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }

    /// Requires success; asking a failed result for its value is a bug of ours.
    [[nodiscard]] T& value() & {
        VMQ_ASSERT(state_.index() == 0);
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T& value() const& {
        VMQ_ASSERT(state_.index() == 0);
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] T&& value() && { return std::move(value()); }

    /// Requires failure.
    [[nodiscard]] const Error& error() const {
        VMQ_ASSERT(state_.index() == 1);
        return *std::get_if<1>(&state_);
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> final {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return !error_.has_value(); }
    [[nodiscard]] const Error& error() const {
        VMQ_ASSERT(error_.has_value());
        return *error_;
    }

private:
    std::optional<Error> error_;
};

}  // namespace vmq
