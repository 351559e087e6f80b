// The keys of those who use the API over HTTP, as the commands see them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace vmq::admin::commands {

/// What a key opens.
enum class ApiScope : std::uint8_t { Status, Mgmt, Metrics, Health, Api2, HttpPub };

/// VerneMQ's names: status, mgmt, metrics, health, api2, httppub.
[[nodiscard]] std::string_view name_of(ApiScope scope) noexcept;
[[nodiscard]] std::optional<ApiScope> scope_of(std::string_view name) noexcept;

struct ApiKeyView {
    std::string name;  // tells it from others and opens nothing; `remove` takes it for the key
    ApiScope scope = ApiScope::Mgmt;
    std::optional<WallSeconds> expires;  // none: never
    bool expired = false;
};

/// Calls from any thread. A change holds for the next request, and has been written when the call
/// returns; if it could not be, the Error is StorageFailed and nothing has changed. Any other
/// Error's detail is VerneMQ's word for it.
class ApiKeys {
public:
    ApiKeys() = default;
    virtual ~ApiKeys() = default;
    ApiKeys(const ApiKeys&) = delete;
    ApiKeys& operator=(const ApiKeys&) = delete;

    /// The new key, which cannot be had a second time. invalid_expiry_date
    [[nodiscard]] virtual Result<std::string> create(ApiScope scope,
                                                     std::optional<WallSeconds> expires) = 0;
    /// key_already_exists, invalid_key_length, invalid_expiry_date
    [[nodiscard]] virtual Result<void> add(const std::string& key, ApiScope scope,
                                           std::optional<WallSeconds> expires) = 0;
    /// By the key or its name. key_not_found
    [[nodiscard]] virtual Result<void> remove(const std::string& key, ApiScope scope) = 0;
    /// Oldest first.
    [[nodiscard]] virtual std::vector<ApiKeyView> all() = 0;
};

}  // namespace vmq::admin::commands
