// What OpenSSL says of an error, for the files that talk to it.
#pragma once

#include <openssl/err.h>

#include <string>
#include <utility>

#include "base/result.h"

namespace vmq::transport {

[[nodiscard]] inline std::string reason_of(unsigned long error) {
    const char* text = ERR_reason_error_string(error);
    return text == nullptr ? "unknown reason" : text;
}

/// Of the first error that this thread has not looked at; takes all of them away.
[[nodiscard]] inline std::string take_last_reason() {
    const unsigned long error = ERR_peek_error();
    ERR_clear_error();
    return reason_of(error);
}

/// An option of TLS that cannot be meant so; `text` begins with its name.
[[nodiscard]] inline Error option_error(std::string text) {
    return {ErrorCode::InvalidValue, std::move(text)};
}

}  // namespace vmq::transport
