"""Lambda: a function that is called by an alias."""

from __future__ import annotations

from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from local.patches.checking import expect

type Function = dict[str, Any]


def keep_settings_of_asynchronous_calls() -> None:
    """An asynchronous call of an alias has the attempts and the destination of this alias.

    AWS: `EventInvokeConfig` belongs to a function with a qualifier. It applies to calls that name
    this qualifier.
    Emulator: stores it for the alias, but looks for it in the record of the version that the alias
    names, which has none. So a call that failed in every attempt is lost.
    Patch: looks for the settings of the qualifier in the ARN that was called.
    """
    original = lambda_svc.invoke_async_with_retry
    expect(original.__code__.co_argcount == 2, "invoke_async_with_retry(func, event)")
    expect(callable(lambda_svc._event_invoke_config), "_event_invoke_config(func, qualifier)")

    def invoke(func: Function, event: dict[str, Any]) -> None:
        base, qualifier = _called(func)
        if base is not None and qualifier is not None:
            settings = lambda_svc._event_invoke_config(base, qualifier)
            func = func | {"event_invoke_config": settings, "event_invoke_configs": {}}
        original(func, event)

    lambda_svc.invoke_async_with_retry = invoke


def share_reserved_concurrency() -> None:
    """The reserved concurrency of a function holds for its versions and aliases.

    AWS: it is a setting of the function, and all its versions share it.
    Emulator: looks for it in the record of the version, which has none. So a function that may not
    run at all runs if its alias is called.
    Patch: looks for it in the function's own record.
    """
    original = lambda_svc._reserved_concurrency
    expect(original.__code__.co_argcount == 2, "_reserved_concurrency(func, config)")

    def reserved(func: Function, config: dict[str, Any]) -> int | None:
        base, _ = _called({"config": config})
        found: int | None = original(base or func, config)
        return found

    lambda_svc._reserved_concurrency = reserved


def move_mappings_to_an_alias() -> None:
    """An event source mapping whose function becomes an alias in an update calls the alias.

    AWS: changes the mapping in place. It keeps its position in the stream.
    Emulator: changes the ARN that it shows, but goes on calling the function without the alias.
    Patch: stores the qualifier, as the emulator's UpdateEventSourceMapping does.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    update = handlers["update"]
    expect(update is provisioners._lambda_esm_update, "the update of a mapping")

    def change(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        changed = update(physical_id, old, new, stack)
        mapping = lambda_svc._esms.get(changed[0])
        if mapping is not None and "FunctionName" in new:
            _, qualifier = lambda_svc._resolve_name_and_qualifier(new["FunctionName"])
            mapping["Qualifier"] = qualifier
        return changed

    handlers["update"] = change


def end_environments_of_replaced_versions() -> None:
    """The idle processes of a version end when its alias moves to another version.

    AWS: ends environments that get no calls. They use no memory of anybody's laptop.
    Emulator: keeps a process of each version that was ever called. Each deployment would leave
    the processes of all functions.
    Patch: ends them when the alias moves. A process that works ends its call first.
    """
    original = lambda_svc._update_alias
    expect(callable(lambda_runtime.kill_workers), "kill_workers(workers)")
    expect(callable(lambda_runtime._worker_key), "_worker_key(name, config, qualifier)")

    def update(name: str, alias: str, data: dict[str, Any]) -> Any:
        before = lambda_svc._functions.get(name, {}).get("aliases", {}).get(alias, {})
        replaced = before.get("FunctionVersion")
        answer = original(name, alias, data)
        if answer[0] == 200 and data.get("FunctionVersion", replaced) != replaced:
            _end_idle(f"{get_account_id()}:{get_region()}:{name}:{replaced}")
        return answer

    lambda_svc._update_alias = update


def _called(func: Function) -> tuple[Function | None, str | None]:
    """The function's own record, and the qualifier by which it is called."""
    arn = (func.get("config") or func).get("FunctionArn", "")
    name, qualifier = lambda_svc._resolve_name_and_qualifier(arn)
    return lambda_svc._functions.get(name), qualifier


def _end_idle(key: str) -> None:
    with lambda_runtime._lock:
        found = lambda_runtime._workers.pop(key, [])
        working = [worker for worker in found if worker.in_use]
        if working:
            lambda_runtime._workers[key] = working
    lambda_runtime.kill_workers([worker for worker in found if worker not in working])
